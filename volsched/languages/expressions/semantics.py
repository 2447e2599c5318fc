"""The dialects, and what they have in common."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from volsched.exceptions import ExpressionError

#: Whole numbers up to here are exact as float64.
EXACT = 2.0**53

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"abs": abs, "max": max, "min": min}
NAMESPACES = ("volume", "extra", "qos", "capabilities", "stats")


class Dialect(StrEnum):
    """The dialect in which expressions are evaluated."""

    STRICT = "strict"
    CINDER = "cinder"


class EvaluationError(Exception):
    """An expression has no value; `kind` as in ExpressionError, which it is converted to with the text."""

    def __init__(self, problem: str, kind: str = "EvaluatorParseException") -> None:
        super().__init__(problem)
        self.problem = problem
        self.kind = kind

    def about(self, text: str) -> ExpressionError:
        return ExpressionError(text, self.problem, kind=self.kind)


class DialectRules(Protocol):
    """The rules of a dialect. Every method raises EvaluationError, or the Python error that Cinder raises."""

    #: Whether `and` and `or` evaluate all operands, even if the first decides.
    eager: bool

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        """Return the value of a variable."""
        ...

    def number(self, raw: Any) -> float:
        """Return a variable's raw value as an exact float, or nan if it is not one."""
        ...

    def truth(self, value: Any) -> bool: ...

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        """Return `left sign right` for + - * / ^."""
        ...

    def signed(self, sign: int, value: Any) -> Any: ...

    def compare(self, sign: str, left: Any, right: Any) -> bool: ...

    def call(self, function: str, argument: Any) -> Any:
        """Return the result of a function; `argument` is a list if there are several."""
        ...


def exact_float(value: Any) -> float:
    """Return a number or bool that is exact as float64, and nan for every other value."""
    if isinstance(value, bool | int | float) and -EXACT <= value <= EXACT:
        return float(value)
    return math.nan


def shown(value: Any) -> str:
    """Return a value as messages show it, short enough for one line."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, list):
        return f"a list of {len(value)} values"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
