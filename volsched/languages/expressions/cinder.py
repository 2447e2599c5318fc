"""The dialect `cinder`: values as Cinder 29 treats them, accidents included."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from volsched.languages.expressions import limits
from volsched.languages.expressions.semantics import COMPARISONS, FUNCTIONS, Unevaluable, plain


def converted(raw: Any) -> Any:
    """How Cinder reads any constant or variable: a whole number if it can be one, else a float, else a text.

    Fractions of numbers are cut off, fractions of texts are kept, and quote marks vanish from texts.
    """
    try:
        return int(raw)
    except ValueError:
        pass
    try:
        return float(raw)
    except ValueError:
        return raw.replace('"', "").replace("'", "") if isinstance(raw, str) else raw


class CinderMeaning:
    """Python's operators with few questions asked; what Python raises is part of the language."""

    eager = True

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        try:
            raw = namespaces[namespace][key]
        except KeyError:
            raise Unevaluable("KeyError evaluating string") from None
        except TypeError:
            raise Unevaluable("TypeError evaluating string") from None
        return converted(raw)

    def number(self, raw: Any) -> float:
        try:
            return plain(converted(raw))
        except (TypeError, OverflowError):
            return math.nan

    def truth(self, value: Any) -> bool:
        return bool(value)

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        match sign:
            case "+":
                return limits.plus(left, right)
            case "-":
                return left - right
            case "*":
                return limits.times(left, right)
            case "/":
                return left / float(right)
            case _:
                return limits.power(left, right)

    def signed(self, sign: int, value: Any) -> Any:
        return sign * value

    def compare(self, sign: str, left: Any, right: Any) -> bool:
        return bool(COMPARISONS[sign](left, right))

    def call(self, function: str, argument: Any) -> Any:
        known = FUNCTIONS[function]
        return known(*argument) if isinstance(argument, list) else known(argument)
