"""The dialect `strict`: types are kept, and a wrong type or an unknown name is an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from volsched.languages.expressions import bounds
from volsched.languages.expressions.semantics import COMPARISONS, FUNCTIONS, EvaluationError, exact_float, shown

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?")
_ORDER = frozenset({"<", "<=", ">", ">="})


def number_in(text: str) -> int | float | None:
    """Return the number in a reported text such as `500`, `-2.5` or `infinite`; None if there is none."""
    if text == "infinite":
        return math.inf
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def as_number(value: Any) -> int | float:
    """Return a number, a bool or the number in a text. Raise EvaluationError for other values."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        number = number_in(value)
        if number is not None:
            return number
        raise EvaluationError(f"the text {shown(value)} is not a number", "TypeError")
    raise EvaluationError("several values where one number belongs", "TypeError")


class StrictRules:
    """The rules of the dialect."""

    eager = False

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        where = namespaces.get(namespace)
        if where is None:
            raise EvaluationError(f"unknown name {namespace}.{key}: there is no {namespace}")
        try:
            raw = where[key]
        except KeyError:
            raise EvaluationError(f"unknown name {namespace}.{key}") from None
        except TypeError:
            raise EvaluationError(f"unknown name {namespace}.{key}: {namespace} holds no values by name") from None
        if isinstance(raw, float) and math.isnan(raw):
            raise EvaluationError(f"{namespace}.{key} is not known (nan)", "ValueError")
        if isinstance(raw, int | float | str):
            return raw
        if raw is None:
            raise EvaluationError(f"{namespace}.{key} has no value", "TypeError")
        raise EvaluationError(f"{namespace}.{key} is neither a number nor a text: {shown(raw)}", "TypeError")

    def number(self, raw: Any) -> float:
        return math.nan if isinstance(raw, bool) else exact_float(raw)

    def truth(self, value: Any) -> bool:
        if isinstance(value, int | float):
            return bool(value)
        if isinstance(value, str):
            raise EvaluationError(f"the text {shown(value)} is neither true nor false", "TypeError")
        raise EvaluationError("several values where true or false belongs", "TypeError")

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        one, other = as_number(left), as_number(right)
        match sign:
            case "+":
                result = one + other
            case "-":
                result = one - other
            case "*":
                result = bounds.times(one, other)
            case "/":
                if other == 0:
                    raise EvaluationError("division by zero")
                result = one / other
            case _:
                result = self._power(one, other)
        if isinstance(result, float) and math.isnan(result):
            raise EvaluationError(f"{shown(one)} {sign} {shown(other)} has no value", "ValueError")
        return result

    def _power(self, base: int | float, exponent: int | float) -> int | float:
        if base == 0 and exponent < 0:
            raise EvaluationError("division by zero: 0 to a negative power", "ZeroDivisionError")
        result = bounds.power(base, exponent)
        if isinstance(result, complex):
            raise EvaluationError(f"{shown(base)} ^ {shown(exponent)} is not a real number", "ValueError")
        return result  # type: ignore[no-any-return]  # int or float, whichever the operands make

    def signed(self, sign: int, value: Any) -> Any:
        return sign * as_number(value)

    def compare(self, sign: str, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            if sign in _ORDER:
                numbers = number_in(left), number_in(right)
                if None not in numbers:
                    left, right = numbers
            return bool(COMPARISONS[sign](left, right))
        return bool(COMPARISONS[sign](as_number(left), as_number(right)))

    def call(self, function: str, argument: Any) -> Any:
        values = [as_number(value) for value in (argument if isinstance(argument, list) else [argument])]
        if function == "abs":
            if len(values) != 1:
                raise EvaluationError(f"abs takes one value, {len(values)} given", "TypeError")
            return abs(values[0])
        return FUNCTIONS[function](values)
