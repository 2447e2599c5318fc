"""The filters same_backend and different_backend: placement relative to other volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from volsched.model.candidates import Mask
from volsched.model.parsing import hints
from volsched.plugins import VOLUME_BACKENDS, Candidates, ColumnFilter, RequestSpec, Screening


class DifferentBackendFilter(ColumnFilter):
    """Passes pools that hold none of the volumes of the hint `different_host`."""

    contract = (1, 0)
    needs = frozenset({VOLUME_BACKENDS})

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        named = hints.volume_ids(request.hints, hints.DIFFERENT_HOST)
        return Screening(
            ~_holding(named, request, candidates),
            lambda position: (
                f"holds {_residents(named, request, candidates[position].pool_id)}, which different_host excludes"
            ),
        )


class SameBackendFilter(ColumnFilter):
    """Passes pools that hold one of the volumes of the hint `same_host`."""

    contract = (1, 0)
    needs = frozenset({VOLUME_BACKENDS})

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        named = hints.volume_ids(request.hints, hints.SAME_HOST)
        passed = _holding(named, request, candidates) if named else np.ones(len(candidates), np.bool_)
        return Screening(passed, lambda position: f"holds none of the {len(named)} volumes of same_host")


def _holding(named: Sequence[str], request: RequestSpec, candidates: Candidates) -> Mask:
    """Return which candidates hold one of the named volumes that the user may see."""
    places = {request.facts.volume_backends[name] for name in named if name in request.facts.volume_backends}
    rows = [row for row in map(candidates.table.row, places) if row is not None]
    return np.isin(candidates.rows, rows)


def _residents(named: Sequence[str], request: RequestSpec, pool_id: str) -> str:
    return ", ".join(f"volume {name}" for name in named if request.facts.volume_backends.get(name) == pool_id)
