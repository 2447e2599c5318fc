"""Option types that oslo.config lacks, and descriptions of the values that an option accepts."""

from __future__ import annotations

import math
import os
from typing import Any

from oslo_config import cfg, types

AUTO = "auto"


class _TextType(types.ConfigType):  # type: ignore[misc]  # oslo.config's types are not followed
    """A type whose values are kept as text. All instances of one class are equal."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def _formatter(self, value: object) -> str:
        return str(value)


class OverSubscription(_TextType):
    """`auto`, or a number of at least 1, kept as written."""

    def __init__(self) -> None:
        super().__init__(type_name="number of at least 1, or auto")

    def __call__(self, value: object) -> str:
        text = str(value).strip()
        if text == AUTO:
            return text
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is neither a number nor {AUTO}") from None
        if not (math.isfinite(number) and number >= 1.0):
            raise ValueError(f"{text} is below 1 or not finite")
        return text


class Folder(_TextType):
    """The absolute path of a folder, which need not exist; `~` is the home of the user who runs the program."""

    def __init__(self) -> None:
        super().__init__(type_name="absolute path of a folder")

    def __call__(self, value: object) -> str:
        path = os.path.expanduser(str(value).strip())
        if not os.path.isabs(path):
            raise ValueError(f"{value} depends on the folder in which the program is started")
        return os.path.normpath(path)


def allowed(option: cfg.Opt) -> str:
    """Return a description of the values that an option accepts."""
    return _description(option.type)


def _description(kind: Any) -> str:
    if isinstance(kind, types.List):
        return f"a list, separated by commas, of: {_description(kind.item_type)}"
    if isinstance(kind, types.Dict):
        return f"a list, separated by commas, of name:value, each value {_description(kind.value_type)}"
    choices = getattr(kind, "choices", None)
    if choices:
        return "one of " + ", ".join(str(choice) for choice in choices)
    if isinstance(kind, types.Boolean):
        return "true or false"
    if isinstance(kind, types.Integer | types.Float):
        return _number("a whole number" if isinstance(kind, types.Integer) else "a number", kind.min, kind.max)
    if isinstance(kind, types.String) and kind.regex is not None:
        return f"text that matches {kind.regex.pattern}"
    if isinstance(kind, types.String):
        return f"text of at most {kind.max_length} characters" if kind.max_length else "text"
    return str(getattr(kind, "type_name", "text"))


def _number(name: str, low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"{name} from {low} to {high}"
    if low is not None:
        return f"{name}, {low} or more"
    return f"{name}, {high} or less" if high is not None else name
