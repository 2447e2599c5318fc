"""The requirements of a volume type's extra specs on the capabilities of pools.

A key without a scope, or with the scope `capabilities`, names a capability. Its value is compared as text, or by the
operator that it begins with. doc/reference/differences-from-cinder.rst lists where Cinder differs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from volsched.model.columns import NOT_REPORTED
from volsched.model.parsing import expected

SCOPE = "capabilities"
ANY_OF = "<or>"
TRUE_WORDS = frozenset({"1", "t", "true", "on", "y", "yes"})
SHOWN = 80  # characters of a value in a reason


def _is_true(value: Any) -> bool:
    """Return the boolean of a value or of its text; other text is false."""
    return value if isinstance(value, bool) else str(value).strip().lower() in TRUE_WORDS


def _as_numbers(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    return lambda value, word: compare(float(value), float(word))


#: `=` means "at least", as in Cinder; `==` is equality.
OPERATORS: Mapping[str, Callable[[Any, str], bool]] = {
    "=": _as_numbers(operator.ge),
    "==": _as_numbers(operator.eq),
    "!=": _as_numbers(operator.ne),
    ">=": _as_numbers(operator.ge),
    "<=": _as_numbers(operator.le),
    "<in>": lambda value, word: word in value,
    "<is>": lambda value, word: _is_true(value) is _is_true(word),
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A parsed requirement. Without an operator, the value must equal the whole text."""

    text: str | None
    operator: str | None = None
    words: tuple[str, ...] = ()

    def matches(self, value: Any) -> bool:
        """Return whether a reported value meets it. A list does if any item does; incomparable values do not."""
        if isinstance(value, list | tuple):
            return any(self._matches_one(item) for item in value)
        return self._matches_one(value)

    def _matches_one(self, value: Any) -> bool:
        if self.operator is None:
            return bool(value == self.text)
        if value is None:
            return False
        if self.operator == ANY_OF:
            return any(value == word for word in self.words)
        try:
            return bool(self.words) and bool(OPERATORS[self.operator](value, self.words[0]))
        except (TypeError, ValueError, OverflowError):  # not comparable: not met
            return False

    def mismatch(self, value: Any) -> str:
        """Return why a value does not meet the requirement."""
        if value is NOT_REPORTED:
            return "not reported"
        if self.operator is not None and not self.words:
            return f"{self.text!r} names no value to compare with"
        return f"{_shown(value)} does not meet {_shown(self.text)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Requirement:
    first, *words = text.split() or [""]
    if first == ANY_OF:
        return Requirement(text, ANY_OF, tuple(words[::2]))  # the words between are `<or>`, and never read
    if first in OPERATORS:
        return Requirement(text, first, tuple(words))
    return Requirement(text)


def requirement_from(text: Any, key: str = "extra spec") -> Requirement:
    """Return the requirement of an extra spec's value. Raise InvalidRequest naming `key` if the value is malformed."""
    if text is None:
        return Requirement(None)
    if not isinstance(text, str):
        raise expected(f"extra_specs[{key}]", "text", text, f"write it in quotes, as {str(text)[:SHOWN]!r}")
    requirement = _parsed(text)
    if requirement.operator == ANY_OF and not requirement.words:
        raise expected(f"extra_specs[{key}]", "alternatives such as '<or> this <or> that'", text)
    return requirement


@lru_cache(maxsize=4096)
def path_of(key: str) -> tuple[str, ...] | None:
    """Return the path into the capabilities that a key names; None for a key of another scope, which is ignored."""
    scope, *rest = key.split(":")
    if rest and scope != SCOPE:
        return None
    return tuple(rest) if scope == SCOPE else (scope,)


def step_into(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value at `path` within a reported value, NOT_REPORTED if there is none."""
    for step in path:
        if not isinstance(value, Mapping):
            return NOT_REPORTED
        value = value.get(step, NOT_REPORTED)
    return value


def meets(requirement: Requirement, value: Any) -> bool:
    """Return whether a reported value, or NOT_REPORTED, meets a requirement."""
    return value is not NOT_REPORTED and requirement.matches(value)
