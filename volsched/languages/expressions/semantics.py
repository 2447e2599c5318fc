"""What the words and signs of an expression do to values: one object a dialect."""

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
    """The two languages that one text can be read in."""

    STRICT = "strict"
    CINDER = "cinder"


class Unevaluable(Exception):
    """An expression has no value; `kind` as in ExpressionError. Becomes an ExpressionError where the text is known."""

    def __init__(self, problem: str, kind: str = "EvaluatorParseException") -> None:
        super().__init__(problem)
        self.problem = problem
        self.kind = kind

    def about(self, text: str) -> ExpressionError:
        return ExpressionError(text, self.problem, kind=self.kind)


class Meaning(Protocol):
    """A dialect's rules for values. Every method raises Unevaluable, or the Python error that Cinder would let out."""

    #: Whether `and` and `or` evaluate their operands even when the first has decided.
    eager: bool

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        """The value of a variable."""
        ...

    def number(self, raw: Any) -> float:
        """The plain number that a variable's raw value is read as; nan where it is anything but a plain number."""
        ...

    def truth(self, value: Any) -> bool: ...

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        """`left sign right` for + - * / ^."""
        ...

    def signed(self, sign: int, value: Any) -> Any: ...

    def compare(self, sign: str, left: Any, right: Any) -> bool: ...

    def call(self, function: str, argument: Any) -> Any:
        """`argument` is a list where there are several."""
        ...


def plain(value: Any) -> float:
    """A number or bool that float64 holds exactly, as one; nan for every other value."""
    if isinstance(value, bool | int | float) and -EXACT <= value <= EXACT:
        return float(value)
    return math.nan


def shown(value: Any) -> str:
    """A value as a message shows it, short enough for one line."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, list):
        return f"a list of {len(value)} values"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
