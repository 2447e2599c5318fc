"""What an option accepts, in words."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg, types


def allowed(option: cfg.Opt) -> str:
    """What may be written as the value of an option."""
    return _described(option.type)


def _described(kind: Any) -> str:
    if isinstance(kind, types.List):
        return f"a list, separated by commas, of: {_described(kind.item_type)}"
    if isinstance(kind, types.Dict):
        return f"a list, separated by commas, of name:value, each value {_described(kind.value_type)}"
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
