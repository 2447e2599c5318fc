"""The search for values for which the two dialects disagree about an expression."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from volsched.exceptions import ExpressionError
from volsched.languages.expressions.expression import Expression, compile_expression
from volsched.languages.expressions.semantics import Dialect, shown

#: Assignments of values to try: integers first, then all values that the variables can have.
_TRIES = 200
_WHOLE = (0, 1, 100, 2, 10, 1000)
_STRIDES = (1, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
_FIGURES = frozenset({"total_capacity_gb", "free_capacity_gb", "allocated_capacity_gb", "reserved_percentage"})


@dataclass(frozen=True, slots=True)
class Example:
    """Values of the variables, and the result or error of each dialect for them."""

    values: Mapping[str, Any]
    cinder: str
    strict: str

    def __str__(self) -> str:
        held = ", ".join(f"{name}={shown(value)}" for name, value in self.values.items())
        return f"{'with ' + held + ': ' if held else ''}cinder: {self.cinder}; strict: {self.strict}"


def find_difference(text: str) -> Example | None:
    """Return an example for which the dialects disagree, or None if none was found.

    If neither dialect can parse the text, they agree. The wording of errors is not compared. An example with a type
    error counts only if the dialects never agree on a value.
    """
    readings = [_Reading(text, dialect) for dialect in (Dialect.CINDER, Dialect.STRICT)]
    cinder, strict = readings
    if cinder.expression is None and strict.expression is None:
        return None
    names = sorted({name for reading in readings if reading.expression for name in reading.expression.names})
    agreed = False
    mistyped: Example | None = None
    for values in _assignments(names, text):
        namespaces = _namespaces(values)
        one, other = cinder.result(namespaces), strict.result(namespaces)
        if _alike(one, other):
            agreed = agreed or not isinstance(one, ExpressionError)
            continue
        example = Example(values, _outcome(one), _outcome(other))
        if "TypeError" not in (getattr(one, "kind", ""), getattr(other, "kind", "")):
            return example
        mistyped = mistyped or example
    return None if agreed else mistyped


class _Reading:
    """A text in one dialect: the expression, or the error."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.expression: Expression | None = None
        self.error: ExpressionError | None = None
        try:
            self.expression = compile_expression(text, dialect)
        except ExpressionError as error:
            self.error = error

    def result(self, namespaces: Mapping[str, Any]) -> Any:
        if self.expression is None:
            return self.error
        try:
            return self.expression.evaluate(namespaces)
        except ExpressionError as error:
            return error


def _assignments(names: Sequence[str], text: str) -> Iterator[dict[str, Any]]:
    """Yield values for the variables in many combinations, in a fixed order."""
    numbers = [float(word) if "." in word else int(word) for word in re.findall(r"\d{1,15}(?:\.\d{1,15})?", text)[:20]]
    near = [int(number) + step for number in numbers for step in (-1, 0, 1)]
    whole = tuple(dict.fromkeys([*_WHOLE, *near]))
    texts = ("gold", *re.findall(r"[A-Za-z][A-Za-z0-9_-]*", text)[:20])
    for stage in (_whole_only, _candidates):
        held = [stage(name, whole, texts) for name in names]
        for turn in range(_TRIES if names else 1):
            yield {
                name: values[(turn * _STRIDES[place % len(_STRIDES)] + turn // len(values) * place) % len(values)]
                for place, (name, values) in enumerate(zip(names, held, strict=True))
            }


def _whole_only(name: str, whole: tuple[int, ...], texts: tuple[str, ...]) -> tuple[Any, ...]:
    """Return integers for a variable that can be a number."""
    return _candidates(name, whole, texts) if _is_text(name) else whole


def _candidates(name: str, whole: tuple[int, ...], texts: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the values that a variable can have, judged by its name."""
    namespace, _, key = name.partition(".")
    if _is_text(name):
        return (*texts, *(str(number) for number in whole))
    fractions = (0.5, 99.5, *(number + 0.5 for number in whole))
    if name == "volume.size":
        return whole
    if name == "stats.QoS_support":
        return (True, False)
    if namespace == "stats" and key in _FIGURES:
        return (*whole, *fractions)
    return (*whole, *fractions, True, False, *texts)


def _is_text(name: str) -> bool:
    namespace, _, key = name.partition(".")
    return namespace in ("extra", "qos") or (namespace == "stats" and key not in _FIGURES and key != "QoS_support")


def _namespaces(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        namespace, _, key = name.partition(".")
        made.setdefault(namespace, {})[key] = value
    return made


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, ExpressionError) or isinstance(other, ExpressionError):
        return isinstance(one, ExpressionError) and isinstance(other, ExpressionError)
    if isinstance(one, bool) is not isinstance(other, bool):
        return not one and not other  # a goodness of true is 100, but of 1 it is 1
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _outcome(result: Any) -> str:
    return f"error: {result.problem}" if isinstance(result, ExpressionError) else shown(result)
