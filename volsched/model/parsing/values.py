"""Deep, read-only copies of what arrives, within limits that keep a hostile message cheap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeGuard

MOST_KEYS = 2_000  # in one mapping or list
MOST_LEVELS = 12
MOST_CHARACTERS = 65_536  # in one text
MOST_VALUES = 50_000  # in one message
MOST_DIGITS = 4_000  # in one integer: text of it must stay cheap


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Unusable(ValueError):
    """A value that cannot be used: `field` names which, `problem` says why and how to fix it.

    Never leaves this package: requests turn it into InvalidRequest, reports into a reason for setting aside.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def shown(value: Any) -> str:
    """A value as a message shows it: its repr, short enough for one line."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f"{value[:60]!r}" + ("…" if len(value) > 60 else "")
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value is a mapping. Nearly all are dicts: to ask an abstract class takes ten times as long."""
    return type(value) is dict or type(value) is MappingProxyType or isinstance(value, Mapping)


class _Budget:
    """How much of one message has been copied."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def frozen_mapping(value: Any, field: str) -> Mapping[str, Any]:
    """A deep, read-only copy of a mapping with text keys. Raises Unusable where it is none, or beyond the limits."""
    if not is_mapping(value):
        raise Unusable(field, f"{shown(value)} is no mapping of names to values")
    copied = _copied(value, field, 1, _Budget(MOST_VALUES))
    made: Mapping[str, Any] = copied  # for a mapping was given
    return made


def frozen(value: Any, field: str) -> Any:
    """A deep, read-only copy: mappings become read-only, lists become tuples. Raises Unusable beyond the limits."""
    return _copied(value, field, 1, _Budget(MOST_VALUES))


def _copied(value: Any, field: str, level: int, budget: _Budget) -> Any:
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is str:
        if len(value) > MOST_CHARACTERS:
            raise Unusable(field, f"is a text of {len(value)} characters; at most {MOST_CHARACTERS} are kept")
        return value
    if kind is int:
        if value.bit_length() > MOST_DIGITS * 3:
            raise Unusable(field, f"is {shown(value)}; no figure is that large")
        return value
    if is_mapping(value):
        return _copied_mapping(value, field, level, budget) if value else NOTHING
    if isinstance(value, list | tuple):
        _check_size(value, field, level, budget)
        return tuple([_copied(item, field, level + 1, budget) for item in value])
    return _copied_other(value, field)


def _copied_mapping(value: Mapping[Any, Any], field: str, level: int, budget: _Budget) -> Mapping[str, Any]:
    _check_size(value, field, level, budget)
    made = dict(value)
    for key, item in made.items():
        if type(key) is not str:
            raise Unusable(field, f"has the key {shown(key)}; every key must be text")
        if len(key) > MOST_CHARACTERS:
            raise Unusable(field, f"has a key of {len(key)} characters; at most {MOST_CHARACTERS} are kept")
        kind = type(item)
        if item is None or kind is bool or (kind is str and len(item) <= MOST_CHARACTERS):
            continue  # as most values, and these are what `_copied` makes of them
        made[key] = _copied(item, key if level == 1 else field, level + 1, budget)
    return MappingProxyType(made)


def _check_size(
    value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], field: str, level: int, budget: _Budget
) -> None:
    if level > MOST_LEVELS:
        raise Unusable(field, f"is nested more than {MOST_LEVELS} levels deep; flatten it")
    if len(value) > MOST_KEYS:
        raise Unusable(field, f"has {len(value)} entries; at most {MOST_KEYS} are kept")
    budget.left -= len(value)
    if budget.left < 0:
        raise Unusable(field, f"holds more than {MOST_VALUES} values; report fewer")


def _copied_other(value: Any, field: str) -> Any:
    """Subclasses of plain kinds become plain, times become text; the rest is no data."""
    if isinstance(value, str):
        return _copied(str.__str__(value), field, 1, _Budget(0))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return _copied(int(value), field, 1, _Budget(0))
    if isinstance(value, datetime):
        return value.isoformat()
    raise Unusable(field, f"{shown(value)} is no plain value; send text, numbers, booleans, lists and mappings")
