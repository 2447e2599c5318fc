"""What a volume type's extra specs require of a pool's capabilities. Rules: CINDER-SEMANTICS, section 9.3."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.columns import NOT_REPORTED

SCOPE = "capabilities"
ANY_OF = "<or>"
TRUE_WORDS = frozenset({"1", "t", "true", "on", "y", "yes"})
SHOWN = 80  # characters of a value in a reason


def _is_true(value: Any) -> bool:
    """The boolean that a value or its text stands for; odd text is false."""
    return value if isinstance(value, bool) else str(value).strip().lower() in TRUE_WORDS


def _as_numbers(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    return lambda value, word: compare(float(value), float(word))


#: `=` is as good as `>=` ("at least"), as operators of Cinder know it; `==` is equality.
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
    """One requirement, taken apart. Without an operator the whole text must be equal to the value."""

    text: str | None
    operator: str | None = None
    words: tuple[str, ...] = ()

    def matches(self, value: Any) -> bool:
        """Whether a reported value meets it. A list does where any item does; what cannot be compared does not."""
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
        except (TypeError, ValueError, OverflowError):  # such a value does not meet it; `objection` says so
            return False

    def objection(self, value: Any) -> str:
        """Why a value that does not match does not."""
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
    """The requirement that an extra spec's value spells. Raises InvalidRequest naming `key` where it spells none."""
    if text is None:
        return Requirement(None)
    if not isinstance(text, str):
        raise InvalidRequest(
            f"extra_specs[{key}]", f"{text!r} is {type(text).__name__}, not text; write it in quotes, as {str(text)!r}"
        )
    requirement = _parsed(text)
    if requirement.operator == ANY_OF and not requirement.words:
        raise InvalidRequest(f"extra_specs[{key}]", f"{text!r} names no alternative; write '<or> this <or> that'")
    return requirement


@lru_cache(maxsize=4096)
def path_of(key: str) -> tuple[str, ...] | None:
    """The path into a pool's capabilities that a key names; None for a key of another scope, which filters nothing."""
    scope, *rest = key.split(":")
    if rest and scope != SCOPE:
        return None
    return tuple(rest) if scope == SCOPE else (scope,)


def step_into(value: Any, path: tuple[str, ...]) -> Any:
    """The value at the end of `path` below a reported value, NOT_REPORTED where the path leaves it."""
    for step in path:
        if not isinstance(value, Mapping):
            return NOT_REPORTED
        value = value.get(step, NOT_REPORTED)
    return value


def meets(requirement: Requirement, value: Any) -> bool:
    """Whether a reported value, or NOT_REPORTED, meets a requirement."""
    return value is not NOT_REPORTED and requirement.matches(value)
