"""The filter capabilities: extra specs of the volume type against reported capabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from volsched.languages import extra_specs
from volsched.languages.extra_specs import Requirement
from volsched.model.candidates import CodedColumn, Mask
from volsched.model.columns import CAPABILITIES, capability
from volsched.model.request import Operation
from volsched.plugins import Candidates, ColumnFilter, PoolState, RequestSpec, Screening


class CapabilitiesFilter(ColumnFilter):
    """Passes pools whose reported capabilities meet every extra spec of the volume type."""

    contract = (1, 0)
    elementwise = True

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        online = request.operation is Operation.EXTEND and request.attach_status != "detached"
        specs = []
        for key, text in request.extra_specs.items():
            if extra_specs.path_of(key) is not None:
                if not isinstance(text, str):
                    extra_specs.requirement_from(text, key)  # raises for all values except None
                specs.append((key, text))
        key_of_rules = (CapabilitiesFilter, online, tuple(specs))

        def rules() -> Sequence[Rule]:
            return candidates.table.concluded(key_of_rules, lambda: _rules(specs, online=online))

        def why(position: int) -> str:
            pool = candidates[position]
            return "; ".join(filter(None, [rule.objection(pool) for rule in rules()]))

        return Screening(candidates.judged(key_of_rules, lambda pools: _meet(rules(), pools)), why)


def _rules(specs: Sequence[tuple[str, str | None]], *, online: bool) -> list[Rule]:
    """Return the rules of the extra specs, and the one for extending a volume in use."""
    rules: list[Rule] = [GrowsOnline()] if online else []
    for key, text in specs:
        rules.append(ExtraSpec(key, extra_specs.path_of(key) or (), extra_specs.requirement_from(text, key)))
    return rules


class Rule(Protocol):
    """One requirement of a pool."""

    @property
    def column(self) -> CodedColumn: ...

    def holds(self, value: Any) -> bool:
        """Return whether a pool with this value in the column meets it."""
        ...

    def objection(self, pool: PoolState) -> str | None:
        """Return why a pool does not meet it; None where it does."""
        ...


def _meet(rules: Sequence[Rule], pools: Candidates) -> Mask:
    """Return the pools that meet all rules. Each distinct value is judged once."""
    masks = [pools.coded(rule.column).where(rule.holds) for rule in rules]
    met: Mask = np.logical_and.reduce(masks) if masks else np.ones(len(pools), np.bool_)
    return met


@dataclass(frozen=True, slots=True)
class ExtraSpec:
    """One extra spec: the path of a capability, and the requirement of its value."""

    key: str
    path: tuple[str, ...]
    requirement: Requirement

    @property
    def column(self) -> CodedColumn:
        return capability(self.path[0]) if self.path else CAPABILITIES

    def holds(self, value: Any) -> bool:
        return extra_specs.meets(self.requirement, extra_specs.step_into(value, self.path[1:]))

    def objection(self, pool: PoolState) -> str | None:
        value = extra_specs.step_into(self.column.read(pool), self.path[1:])
        return None if extra_specs.meets(self.requirement, value) else f"{self.key}: {self.requirement.mismatch(value)}"


@dataclass(frozen=True, slots=True)
class GrowsOnline:
    """The requirement to extend attached volumes; a backend that does not report this ability has it."""

    @property
    def column(self) -> CodedColumn:
        return capability("online_extend_support")

    def holds(self, value: Any) -> bool:
        return value is not False

    def objection(self, pool: PoolState) -> str | None:
        return None if self.holds(self.column.read(pool)) else "cannot extend a volume that is attached"
