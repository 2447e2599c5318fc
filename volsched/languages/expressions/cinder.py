"""The dialect `cinder`: the same results as Cinder 29, including its errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from volsched.languages.expressions import bounds
from volsched.languages.expressions.semantics import COMPARISONS, FUNCTIONS, EvaluationError, exact_float


def converted(raw: Any) -> Any:
    """Return a constant or variable as Cinder reads it: an integer if possible, else a float, else text.

    Numbers lose their fraction, numbers in text keep it, and quotation marks are removed from text.
    """
    try:
        return int(raw)
    except ValueError:
        pass
    try:
        return float(raw)
    except ValueError:
        return raw.replace('"', "").replace("'", "") if isinstance(raw, str) else raw


class CinderRules:
    """Python's operators; the errors that they raise are part of the dialect."""

    eager = True

    def read(self, namespaces: Mapping[str, Any], namespace: str, key: str) -> Any:
        try:
            raw = namespaces[namespace][key]
        except KeyError:
            raise EvaluationError("KeyError evaluating string") from None
        except TypeError:
            raise EvaluationError("TypeError evaluating string") from None
        return converted(raw)

    def number(self, raw: Any) -> float:
        try:
            return exact_float(converted(raw))
        except (TypeError, OverflowError):
            return math.nan

    def truth(self, value: Any) -> bool:
        return bool(value)

    def calculate(self, sign: str, left: Any, right: Any) -> Any:
        match sign:
            case "+":
                return bounds.plus(left, right)
            case "-":
                return left - right
            case "*":
                return bounds.times(left, right)
            case "/":
                return left / float(right)
            case _:
                return bounds.power(left, right)

    def signed(self, sign: int, value: Any) -> Any:
        return sign * value

    def compare(self, sign: str, left: Any, right: Any) -> bool:
        return bool(COMPARISONS[sign](left, right))

    def call(self, function: str, argument: Any) -> Any:
        known = FUNCTIONS[function]
        return known(*argument) if isinstance(argument, list) else known(argument)
