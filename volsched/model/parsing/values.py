"""Checked, read-only copies of structures that callers, backends and the bus send."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeGuard

from volsched.exceptions import InvalidRequest
from volsched.model import limits
from volsched.model.serialization import NOTHING

MAPPING = "a mapping of names to values"


def expected(field: str, what: str, value: Any, fix: str = "") -> InvalidRequest:
    """Return the error for a wrong value: `<field>: expected <what>, got <value>; <fix>`."""
    return wrong(field, what, shown(value), fix)


def wrong(field: str, what: str, found: str, fix: str = "") -> InvalidRequest:
    """Return the error for a wrong value that is described by `found` instead of being shown."""
    return InvalidRequest(field, f"expected {what}, got {found}" + (f"; {fix}" if fix else ""))


def shown(value: Any) -> str:
    """Return a value as messages show it: its repr, short enough for one line."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f"{value[: limits.MAX_SHOWN]!r}" + ("…" if len(value) > limits.MAX_SHOWN else "")
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    """Return whether a value is a mapping. Nearly all are dicts, and `isinstance` takes ten times as long."""
    return type(value) is dict or type(value) is MappingProxyType or isinstance(value, Mapping)


def mapping_from(value: Any, field: str) -> Mapping[str, Any]:
    """Return the value itself if it is a mapping, or raise InvalidRequest."""
    if not is_mapping(value):
        raise expected(field, MAPPING, value)
    return value


def frozen_mapping(value: Any, field: str, *, prefix: str | None = None) -> Mapping[str, Any]:
    """Return a deep, read-only copy of a mapping: mappings are read-only, lists are tuples, times are text.

    Raise InvalidRequest if it is not a mapping, holds anything but plain data, or exceeds a limit. Errors name a key
    of it as `<prefix><key>`; the default prefix is `<field>.`.
    """
    return _Copy(f"{field}." if prefix is None else prefix).mapping(mapping_from(value, field), field, 1)


class _Copy:
    """One copy of a structure, which counts the values that it copied."""

    __slots__ = ("left", "prefix")

    def __init__(self, prefix: str) -> None:
        self.left = limits.MAX_VALUES
        self.prefix = prefix

    def mapping(self, value: Mapping[Any, Any], field: str, level: int) -> Mapping[str, Any]:
        if not value:
            return NOTHING
        self._check_size(value, field, level)
        made = dict(value)
        for key, item in made.items():
            if type(key) is not str:
                raise expected(field, "only keys that are text", key)
            if len(key) > limits.MAX_NAME:
                raise wrong(field, f"keys of at most {limits.MAX_NAME} characters", f"one of {len(key)}")
            kind = type(item)
            if item is None or kind is bool or (kind is str and len(item) <= limits.MAX_TEXT):
                continue  # most values, copied as they are
            made[key] = self._value(item, f"{self.prefix}{key}" if level == 1 else field, level + 1)
        return MappingProxyType(made)

    def _value(self, value: Any, field: str, level: int) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            if len(value) > limits.MAX_TEXT:
                raise wrong(field, f"a text of at most {limits.MAX_TEXT} characters", f"{len(value)} characters")
            return value
        if kind is int:
            if value.bit_length() > limits.MAX_INTEGER_BITS:
                raise expected(field, f"an integer of at most {limits.MAX_INTEGER_BITS} bits", value)
            return value
        if is_mapping(value):
            return self.mapping(value, field, level)
        if isinstance(value, list | tuple):
            self._check_size(value, field, level)
            return tuple([self._value(item, field, level + 1) for item in value])
        return self._other(value, field, level)

    def _check_size(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], field: str, level: int) -> None:
        if level > limits.MAX_DEPTH:
            raise wrong(field, f"at most {limits.MAX_DEPTH} levels of nesting", "more", "flatten it")
        if len(value) > limits.MAX_ENTRIES:
            raise wrong(field, f"at most {limits.MAX_ENTRIES} entries", str(len(value)))
        self.left -= len(value)
        if self.left < 0:
            raise wrong(field, f"at most {limits.MAX_VALUES} values in all", "more")

    def _other(self, value: Any, field: str, level: int) -> Any:
        """Copy a subclass of a plain type, or a time, as a plain value."""
        for kind in (str, float, int):
            if isinstance(value, kind):
                return self._value(kind.__str__(value) if kind is str else kind(value), field, level)
        if isinstance(value, datetime):
            return value.isoformat()
        raise expected(field, "text, a number, a boolean, a list or a mapping", value)


def refuse_non_finite(value: Any, field: str) -> None:
    """Raise InvalidRequest if a copied structure holds NaN or infinity, which JSON cannot express."""
    if isinstance(value, float) and not math.isfinite(value):
        raise expected(field, "finite numbers", value)
    if is_mapping(value):
        for key, item in value.items():
            refuse_non_finite(item, f"{field}.{key[: limits.MAX_SHOWN]}")
    elif isinstance(value, tuple):
        for item in value:
            refuse_non_finite(item, field)
