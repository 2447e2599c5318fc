"""What a scheduler answered to one request, in one shape for Cinder's record and for volsched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tools.parity.cases import BadFile, Case
from volsched.model.decision import Decision
from volsched.model.serialization import plain

#: free, allocated and provisioned GiB of a pool; in Cinder's record they may be anything.
Figures = tuple[Any, Any, Any]
FREE, ALLOCATED, PROVISIONED = "free_capacity_gb", "allocated_capacity_gb", "provisioned_capacity_gb"
TOLERANCE = 1e-9
#: Errors that Cinder has two classes for.
SAME_ERROR = {"VolumeTypeNotFoundByName": "VolumeTypeNotFound"}


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the filters and weighers: who survived each filter, in order, and the ranking with its weights.

    `weighed` is None where nothing was left to weigh.
    """

    filters: tuple[tuple[str, tuple[str, ...]], ...]
    weighed: tuple[tuple[str, float], ...] | None

    @property
    def survivors(self) -> tuple[str, ...] | None:
        """Who survived the last filter; None where there was no filter."""
        return self.filters[-1][1] if self.filters else None


@dataclass(frozen=True, slots=True)
class Failure:
    """An error: its class in Cinder's words, whether Cinder means it, or it is an accident of Python's."""

    name: str
    message: str
    meant: bool = True
    stage: str | None = None  # the filter or the weighing that it left, as Cinder's record has it


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request."""

    passes: tuple[Pass, ...] = ()
    chosen: str | None = None
    failure: Failure | None = None
    retry: Mapping[str, Any] | None = None
    tells_retry: bool = False  # whether the caller can see the record
    pools: tuple[str, ...] | None = None
    capabilities: Mapping[str, Any] | None = None
    value: Any = None
    notifications: tuple[Mapping[str, Any], ...] = ()
    figures: Mapping[str, Figures] = field(default_factory=dict)
    draws: int = 0

    def said(self) -> str:
        """The answer in a few words."""
        if self.failure is not None:
            return f"{self.failure.name}: {self.failure.message}".rstrip(": ")[:160]
        if self.chosen is not None:
            return f"chose {self.chosen}"
        if self.pools is not None:
            return f"{len(self.pools)} pools"
        if self.notifications:
            return f"{len(self.notifications)} records"
        return "done" if self.value is None else repr(self.value)


def recorded_answers(case: Case) -> list[Answer]:
    """What Cinder answered to each request of a case. Raises BadFile."""
    try:
        return [_recorded(result) for result in case["expected"]["results"]]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise BadFile(f"{case.get('id')}: the record is odd: {type(problem).__name__}: {problem}") from problem


def _recorded(result: Mapping[str, Any]) -> Answer:
    if "passes" in result:
        passes = tuple(_pass(each) for each in result["passes"])
    elif "per_filter" in result:
        passes = (_pass(result),)
    else:
        passes = ()
    detail = result.get("pool_capabilities")
    return Answer(
        passes=passes,
        chosen=result.get("chosen"),
        failure=failure_of(result.get("error"), result.get("error_stage")),
        retry=result.get("retry"),
        tells_retry="retry" in result,
        pools=tuple(result["pools"]) if "pools" in result else None,
        capabilities=None if detail is None else {name: _unmarked(value) for name, value in detail.items()},
        value=result.get("value"),
        notifications=tuple(_unmarked(item) for item in result.get("notifications") or ()),
        figures={
            name: (_unmarked(state[FREE]), _unmarked(state[ALLOCATED]), _unmarked(state[PROVISIONED]))
            for name, state in (result.get("state_after") or {}).items()
        },
        draws=result.get("random_draws", 0),
    )


def failure_of(error: Mapping[str, Any] | None, stage: str | None = None) -> Failure | None:
    """A recorded error."""
    if error is None:
        return None
    name = SAME_ERROR.get(error["class"], error["class"])
    return Failure(name, error["message"], bool(error.get("cinder")), stage)


def _pass(each: Mapping[str, Any]) -> Pass:
    filters = tuple((name, tuple(survivors)) for name, survivors in each["per_filter"].items())
    weighed = each.get("weighed")
    if weighed is None:
        return Pass(filters, None)
    return Pass(filters, tuple((name, float(_unmarked(weight))) for name, weight in weighed))


def _unmarked(value: Any) -> Any:
    """A recorded value with times as text and figures as numbers."""
    if isinstance(value, dict):
        if len(value) == 1 and "$float" in value:
            return float(value["$float"])
        if len(value) == 1 and "$time" in value:
            return str(value["$time"])
        return {key: _unmarked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    return value


def pass_of(decision: Decision) -> Pass:
    """A decision of volsched's as a pass."""
    filters: list[tuple[str, tuple[str, ...]]] = []
    taken: set[str] = set()
    for step in decision.filters:
        name, again = step.name, 2
        while name in taken:
            name, again = f"{step.name}/{again}", again + 1
        taken.add(name)
        left = step.before.take(step.screening.passed)
        filters.append((name, tuple(pool.pool_id for pool in left)))
    ranked = [pool.pool_id for pool in decision.ranked]
    return Pass(tuple(filters), tuple(zip(ranked, map(float, decision.weights), strict=True)) or None)


# -- comparing -------------------------------------------------------------------------------------------------------


def same_number(one: Any, other: Any) -> bool:
    """Whether two figures are equal, words for unbounded and unknown included."""
    one, other = _number(one), _number(other)
    if one is None or other is None:
        return one is other
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _number(value: Any) -> float | None:
    if value == "infinite":
        return math.inf
    if value == "unknown":
        return math.nan
    return float(value) if isinstance(value, int | float) else None


def same_figures(one: Figures, other: Figures) -> bool:
    return all(map(same_number, one, other))


def same_weights(one: Sequence[tuple[str, float]] | None, other: Sequence[tuple[str, float]] | None) -> bool:
    """Whether two rankings are the same: the order exactly, the weights to 1e-9."""
    one, other = one or (), other or ()
    return [name for name, _ in one] == [name for name, _ in other] and all(
        same_number(left, right) for (_, left), (_, right) in zip(one, other, strict=True)
    )


def same_pass(one: Pass, other: Pass) -> bool:
    return one.filters == other.filters and same_weights(one.weighed, other.weighed)


def same_data(one: Any, other: Any) -> bool:
    """Whether two plain values are the same; times may be text."""
    one, other = _timeless(one), _timeless(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_data(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_data, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        return same_number(one, other)
    return bool(one == other)


def _timeless(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else plain(value) if not isinstance(value, float) else value
