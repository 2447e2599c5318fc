"""What the volume type's extra specs require."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from volsched.domain import extra_specs
from volsched.domain.candidates import Coded, Mask
from volsched.domain.columns import CAPABILITIES, capability
from volsched.domain.extra_specs import Requirement
from volsched.domain.request import Operation
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening

ONLINE_EXTEND = capability("online_extend_support")


class CapabilitiesFilter(ColumnFilter):
    """Passes pools whose reported capabilities meet every extra spec of the volume type."""

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        verdicts: list[tuple[Mask, Callable[[int], str]]] = []
        if request.operation is Operation.EXTEND and request.attach_status != "detached":
            grows = candidates.coded(ONLINE_EXTEND).where(lambda value: value is not False)
            verdicts.append((grows, lambda position: "cannot extend a volume that is attached"))
        for key, text in request.extra_specs.items():
            path = extra_specs.path_of(key)
            if path is not None:
                verdicts.append(_judge(candidates, key, path, extra_specs.requirement_from(text, key)))
        passed = np.logical_and.reduce([mask for mask, _ in verdicts]) if verdicts else _all(candidates)

        def why(position: int) -> str:
            return "; ".join(reason(position) for mask, reason in verdicts if not mask[position])

        return Screening(passed, why)


def _all(candidates: Candidates) -> Mask:
    return np.ones(len(candidates), np.bool_)


def _judge(
    candidates: Candidates, key: str, path: tuple[str, ...], requirement: Requirement
) -> tuple[Mask, Callable[[int], str]]:
    """Which candidates meet one extra spec, and why one does not. Each distinct value is judged once."""
    reported: Coded = candidates.coded(capability(path[0]) if path else CAPABILITIES)
    below = path[1:]
    mask = reported.where(lambda value: extra_specs.meets(requirement, extra_specs.step_into(value, below)))

    def reason(position: int) -> str:
        value = extra_specs.step_into(reported.values[reported.codes[position]], below)
        return f"{key}: {requirement.objection(value)}"

    return mask, reason
