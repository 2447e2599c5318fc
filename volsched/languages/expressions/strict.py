"""The dialect `strict`: numbers are numbers, text is text, and whatever makes no sense is an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from volsched.languages.expressions import limits
from volsched.languages.expressions.semantics import COMPARISONS, FUNCTIONS, Unevaluable, plain, shown

_SPELLED = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?")
_ORDER = frozenset({"<", "<=", ">", ">="})


def spelled(text: str) -> int | float | None:
    """The number that a reported text spells: `500`, `-2.5`, or `infinite`; None where it spells none."""
    if text == "infinite":
        return math.inf
    if not _SPELLED.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def quantity(value: Any) -> int | float:
    """A value as a number: what a number or a bool is, and what a text spells. Raises Unevaluable for the rest."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        number = spelled(value)
        if number is not None:
            return number
        raise Unevaluable(f"the text {shown(value)} is not a number", "TypeError")
    raise Unevaluable("several values where one number belongs", "TypeError")


class StrictMeaning:
    """Arithmetic on numbers, comparison of like with like, and an error for the rest."""

    eager = False

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        where = namespaces.get(namespace)
        if where is None:
            raise Unevaluable(f"unknown name {namespace}.{key}: there is no {namespace}")
        try:
            raw = where[key]
        except KeyError:
            raise Unevaluable(f"unknown name {namespace}.{key}") from None
        except TypeError:
            raise Unevaluable(f"unknown name {namespace}.{key}: {namespace} holds no values by name") from None
        if isinstance(raw, float) and math.isnan(raw):
            raise Unevaluable(f"{namespace}.{key} is not known (nan)", "ValueError")
        if isinstance(raw, int | float | str):
            return raw
        if raw is None:
            raise Unevaluable(f"{namespace}.{key} has no value", "TypeError")
        raise Unevaluable(f"{namespace}.{key} is neither a number nor a text: {shown(raw)}", "TypeError")

    def number(self, raw: Any) -> float:
        return math.nan if isinstance(raw, bool) else plain(raw)

    def truth(self, value: Any) -> bool:
        if isinstance(value, int | float):
            return bool(value)
        if isinstance(value, str):
            raise Unevaluable(f"the text {shown(value)} is neither true nor false", "TypeError")
        raise Unevaluable("several values where true or false belongs", "TypeError")

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        one, other = quantity(left), quantity(right)
        match sign:
            case "+":
                result = one + other
            case "-":
                result = one - other
            case "*":
                result = limits.times(one, other)
            case "/":
                if other == 0:
                    raise Unevaluable("division by zero")
                result = one / other
            case _:
                result = self._power(one, other)
        if isinstance(result, float) and math.isnan(result):
            raise Unevaluable(f"{shown(one)} {sign} {shown(other)} has no value", "ValueError")
        return result

    def _power(self, base: int | float, exponent: int | float) -> int | float:
        if base == 0 and exponent < 0:
            raise Unevaluable("division by zero: 0 to a negative power", "ZeroDivisionError")
        result = limits.power(base, exponent)
        if isinstance(result, complex):
            raise Unevaluable(f"{shown(base)} ^ {shown(exponent)} is not a real number", "ValueError")
        return result  # type: ignore[no-any-return]  # int or float, whichever the operands make

    def signed(self, sign: int, value: Any) -> Any:
        return sign * quantity(value)

    def compare(self, sign: str, left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            if sign in _ORDER:
                numbers = spelled(left), spelled(right)
                if None not in numbers:
                    left, right = numbers
            return bool(COMPARISONS[sign](left, right))
        return bool(COMPARISONS[sign](quantity(left), quantity(right)))

    def call(self, function: str, argument: Any) -> Any:
        values = [quantity(value) for value in (argument if isinstance(argument, list) else [argument])]
        if function == "abs":
            if len(values) != 1:
                raise Unevaluable(f"abs takes one value, {len(values)} given", "TypeError")
            return abs(values[0])
        return FUNCTIONS[function](values)
