"""Decisions that are narrowed once filters and weighers are done with them."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from volsched.model.candidates import Mask
from volsched.model.decision import Decision, FilterStep, Screening
from volsched.model.request import RequestSpec


def backend_part(pool_id: str) -> str:
    """host@backend of host@backend#pool."""
    return pool_id.split("#", 1)[0]


def _narrowed(decision: Decision, name: str, kept: Mask, why: str) -> Decision:
    """A decision with some ranked pools taken out, and the step that says so."""
    step = FilterStep(name, decision.ranked, Screening(kept, lambda position: why))
    return replace(
        decision,
        ranked=decision.ranked.take(kept),
        filters=(*decision.filters, step),
    )


def only_on(decision: Decision, backend: str) -> Decision:
    """The decision without the pools that are not this one, or not of this backend."""
    whole = "#" in backend
    kept = np.fromiter(
        ((pool.pool_id if whole else backend_part(pool.pool_id)) == backend for pool in decision.ranked),
        np.bool_,
        len(decision.ranked),
    )
    return _narrowed(decision, "resource_backend", kept, f"not {backend}, where the resource is")


def on_backends_of(decision: Decision, other: Decision) -> Decision:
    """The decision without the pools of backends that another decision has none of."""
    backends = {backend_part(pool.pool_id) for pool in other.ranked}
    kept = np.fromiter(
        (backend_part(pool.pool_id) in backends for pool in decision.ranked), np.bool_, len(decision.ranked)
    )
    return _narrowed(decision, "group", kept, "its backend does not serve every type of the group")


def asked(decision: Decision, request: RequestSpec) -> Decision:
    """The decision under the group's own request, whose retry record is the one that counts."""
    return replace(decision, request=request)


def why_not(decision: Decision, backend: str) -> str:
    """The reason why a named pool (or every pool of a backend) is not among the ranked ones."""
    whole = "#" in backend
    for step in decision.filters:
        for pool, why in step.rejected():
            if backend == (pool.pool_id if whole else pool.backend_id):
                return f"{step.name}: {why}"
    for name, why in decision.set_aside:
        if name == backend or name == backend_part(backend):
            return f"it takes no part: {why}"
    return "no such pool has reported"
