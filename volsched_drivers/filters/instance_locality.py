"""The filter instance_locality: pools on the host of a compute instance."""

from __future__ import annotations

import numpy as np

from volsched.exceptions import PluginError
from volsched.model.columns import BACKEND_ID
from volsched.model.parsing import hints
from volsched.plugins import INSTANCE_HOST, Candidates, ColumnFilter, RequestSpec, Screening


class InstanceLocalityFilter(ColumnFilter):
    """Passes pools on the host of the instance that the hint `local_to_instance` names."""

    contract = (1, 0)
    needs = frozenset({INSTANCE_HOST})

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        if not len(candidates) or not request.hints.get(hints.LOCAL_TO_INSTANCE):
            return Screening(np.ones(len(candidates), np.bool_), lambda position: "")
        hints.instance_id(request.hints)
        if request.facts.instance_problem is not None:
            raise request.facts.instance_problem
        host = request.facts.instance_host
        if host is None:
            raise PluginError("instance_locality", "expected the instance's host in the facts of the request, got none")
        backends = candidates.coded(BACKEND_ID)
        passed = backends.where(lambda backend_id: _host(backend_id) == host)

        def why(position: int) -> str:
            return f"the instance runs on {host}, the pool is on {_host(candidates[position].backend_id)}"

        return Screening(passed, why)


def _host(backend_id: str) -> str:
    """Return the host of host@backend."""
    return backend_id.split("@", 1)[0]
