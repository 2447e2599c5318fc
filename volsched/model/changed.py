"""Frozen values made in less time than their constructors take: copies with some fields changed, and whole ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, **changes: Any) -> T:
    """As `dataclasses.replace`, at a third of its cost or less, for a class with no checks at its making."""
    kind: Any = type(value)
    made: T = object.__new__(kind)
    names, values, setters = _slots(kind)
    if not names.issuperset(changes):
        raise AttributeError(f"{kind.__name__} has no field {', '.join(sorted({*changes} - names))}")
    if not setters:
        object.__setattr__(made, "__dict__", {**value.__dict__, **changes})
        return made
    for put, held in zip(setters, values(value), strict=True):
        put(made, held)
    for name, new in changes.items():
        object.__setattr__(made, name, new)
    return made


def made(kind: type[T], **values: Any) -> T:
    """As `kind(**values)`, at a quarter of its cost, for a class without slots and with no checks at its making.

    Fields that are left out must have a plain default, not a factory.
    """
    new = object.__new__(kind)
    object.__setattr__(new, "__dict__", values)
    return new


@cache
def _slots(
    kind: Any,
) -> tuple[frozenset[str], Callable[[Any], tuple[Any, ...]], tuple[Callable[[Any, Any], None], ...]]:
    """The names of all fields of a class, how to read all at once, and how to set each, if it has slots."""
    names = [item.name for item in fields(kind)]
    slotted = "__dict__" not in dir(kind)
    setters = tuple(getattr(kind, name).__set__ for name in names) if slotted else ()
    return frozenset(names), attrgetter(*names), setters
