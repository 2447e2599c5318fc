"""Recorded expressions, evaluated in the dialect that is Cinder's bug for bug."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.parity.answers import same_number
from tools.parity.cases import Case, decoded
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import Dialect, compile_expression

LIMIT = "limit"
TOO_DEEP = "RecursionError"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one side made of an expression: a value, or the class of an error."""

    value: Any = None
    error: str | None = None

    def said(self) -> str:
        return self.error if self.error is not None else f"{type(self.value).__name__} {self.value!r}"[:160]


def recorded_value(case: Case) -> Evaluated:
    """What Cinder made of it."""
    expected: Mapping[str, Any] = case["expected"]
    if expected["error"] is not None:
        return Evaluated(error=expected["error"]["class"])
    return Evaluated(decoded(expected["result"]))


def evaluated(case: Case) -> Evaluated:
    """What volsched makes of it."""
    try:
        return Evaluated(compile_expression(case["expr"], Dialect.CINDER).evaluate(decoded(case["vars"])))
    except ExpressionError as problem:
        return Evaluated(error=problem.kind)


def same_value(theirs: Evaluated, ours: Evaluated) -> bool:
    """Whether both have the same value of the same type, or an error of the same class."""
    if theirs.error is not None or ours.error is not None:
        return theirs.error == ours.error
    return _same(theirs.value, ours.value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and set(one) == {"$repr"}:  # what JSON has no word for, such as complex numbers
        return bool(one["$repr"] == repr(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if type(one) is not type(other):
        return False
    return same_number(one, other) if isinstance(one, int | float) and not isinstance(one, bool) else bool(one == other)


def beyond_limits(theirs: Evaluated, ours: Evaluated) -> bool:
    """Whether the difference is one of bounds: theirs of the stack, ours of cost and depth."""
    return not same_value(theirs, ours) and (theirs.error == TOO_DEEP or ours.error == LIMIT)
