"""Plain data: values as JSON has them, and the base class of the values that are stored or sent as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Self

import msgspec

from volsched.exceptions import InvalidRequest

#: The empty mapping, as a default.
NOTHING: Mapping[str, Any] = MappingProxyType({})
#: How msgspec ends a message: with the path of the value.
PATH = re.compile(r"(?P<problem>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)


class Serializable(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value that is stored and sent as JSON."""

    def plain(self) -> dict[str, Any]:
        """Return the value as a dict of JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self, enc_hook=plain)
        return values

    @classmethod
    def parse(cls, given: Self | Mapping[str, Any]) -> Self:
        """Return the value of a dict that `plain` returned; a value is returned as it is.

        Unknown keys are ignored, because a newer process may have written them. Raise InvalidRequest naming the field.
        """
        if isinstance(given, cls):
            return given
        try:
            return msgspec.convert(given, cls)
        except msgspec.ValidationError as error:
            raise invalid(cls.__name__.lower(), error) from None


def invalid(where: str, error: msgspec.ValidationError) -> InvalidRequest:
    """Return the InvalidRequest for a msgspec error: `<field>: expected <type>, got <type>`."""
    found = PATH.fullmatch(str(error))
    problem, path = (found["problem"], found["path"]) if found is not None else (str(error), None)
    return InvalidRequest(f"{where}.{path}" if path else where, problem[:1].lower() + problem[1:].replace("`", ""))


def plain(value: Any) -> Any:
    """Return a copy of any value as dicts with text keys, lists, text, numbers, booleans and None.

    Times become ISO 8601 text, NaN and infinity their names, and objects of other classes their `str`.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    return str(value)
