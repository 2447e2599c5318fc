"""Where one text means different things in the two dialects, shown by an example."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from volsched.exceptions import ExpressionError
from volsched.expressions.expression import Expression, compile_expression
from volsched.expressions.meanings import Dialect, shown

#: Assignments of values that are tried, whole numbers before anything else.
_TRIES = 600
_WHOLE = (0, 1, 100, 2, 10, 1000)
_PRIMES = (1, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


@dataclass(frozen=True, slots=True)
class Example:
    """Values of the variables, and what each dialect makes of the text with them (a result, or what is wrong)."""

    values: Mapping[str, Any]
    cinder: str
    strict: str

    def __str__(self) -> str:
        held = ", ".join(f"{name}={shown(value)}" for name, value in self.values.items())
        return f"{'with ' + held + ': ' if held else ''}cinder: {self.cinder}; strict: {self.strict}"


def meanings_differ(text: str) -> Example | None:
    """An example for which the dialects disagree; None where none was found among the values tried.

    Where neither dialect can read the text they agree. Numbers, truth and errors count; the wording of errors does not.
    """
    readings = [_Reading(text, dialect) for dialect in (Dialect.CINDER, Dialect.STRICT)]
    cinder, strict = readings
    if cinder.expression is None and strict.expression is None:
        return None
    names = sorted({name for reading in readings if reading.expression for name in reading.expression.names})
    last: Example | None = None
    for values in _assignments(names, _constants(text)):
        namespaces = _namespaces(values)
        one, other = cinder.result(namespaces), strict.result(namespaces)
        if not _alike(one, other):
            example = Example(values, _outcome(one), _outcome(other))
            if not isinstance(one, ExpressionError):
                return example
            last = last or example
    return last


class _Reading:
    """A text in one dialect, or the error that it is there."""

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


def _constants(text: str) -> list[float | int]:
    return [float(word) if "." in word else int(word) for word in re.findall(r"\d{1,15}(?:\.\d{1,15})?", text)[:20]]


def _assignments(names: Sequence[str], constants: Sequence[float | int]) -> Iterator[dict[str, Any]]:
    """Values for the variables: whole numbers about the constants first, then fractions, then texts and flags."""
    near = [int(constant) + step for constant in constants for step in (-1, 0, 1)]
    whole = list(dict.fromkeys([*_WHOLE, *near]))
    fractions = [0.5, 99.5, *(number + 0.5 for number in whole)]
    stages: tuple[list[Any], ...] = (whole, [*whole, *fractions], [*whole, True, False, "7", "gold"])
    for candidates in stages:
        if not names:
            yield {}
            return
        for turn in range(_TRIES // len(stages)):
            yield {
                name: candidates[
                    (turn * _PRIMES[place % len(_PRIMES)] + turn // len(candidates) * place) % len(candidates)
                ]
                for place, name in enumerate(names)
            }


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
        return False
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _outcome(result: Any) -> str:
    return f"error: {result.problem}" if isinstance(result, ExpressionError) else shown(result)
