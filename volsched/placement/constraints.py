"""Constraints on a decision beyond its filters: one resource's backend, the backends of a group."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from volsched.model.candidates import Mask
from volsched.model.decision import Decision, FilterStep, Screening
from volsched.model.identity import backend_of


def _narrowed(decision: Decision, name: str, kept: Mask, why: str) -> Decision:
    """Return a decision with some ranked pools removed, and the step that removed them."""
    step = FilterStep(name, decision.ranked, Screening(kept, lambda position: why))
    return replace(
        decision,
        ranked=decision.ranked.take(kept),
        filters=(*decision.filters, step),
    )


def only_on(decision: Decision, backend: str) -> Decision:
    """Return the decision with only this pool, or the pools of this backend."""
    kept = np.fromiter((pool.is_named(backend) for pool in decision.ranked), np.bool_, len(decision.ranked))
    return _narrowed(decision, "resource_backend", kept, f"not {backend}, where the resource is")


def on_backends_of(decision: Decision, other: Decision) -> Decision:
    """Return the decision with only the pools of backends that another decision ranked as well."""
    backends = {pool.backend_id for pool in other.ranked}
    kept = np.fromiter((pool.backend_id in backends for pool in decision.ranked), np.bool_, len(decision.ranked))
    return _narrowed(decision, "group", kept, "its backend does not serve every type of the group")


def why_not(decision: Decision, backend: str) -> str:
    """Return why a pool, or every pool of a backend, is not among the ranked ones."""
    for step in decision.filters:
        for pool, why in step.rejected():
            if pool.is_named(backend):
                return f"{step.name}: {why}"
    for name, why in decision.set_aside:
        if name == backend or name == backend_of(backend):
            return f"it takes no part: {why}"
    return "no such pool has reported"
