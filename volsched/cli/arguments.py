"""What people type, as values: KEY=VALUE pairs. What is wrong is named like the field it was for."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.exceptions import InvalidRequest


def pairs(field: str, given: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` texts as a dict, each key once. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for text in given:
        key, value = _split(field, text)
        if key in found:
            raise InvalidRequest(field, f"{key!r} is given twice")
        found[key] = value
    return found


def hints(given: Sequence[str]) -> dict[str, str | list[str]]:
    """`KEY=VALUE` texts as scheduler hints; a key that is repeated gets a list. Raises InvalidRequest."""
    found: dict[str, list[str]] = {}
    for text in given:
        key, value = _split("hint", text)
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _split(field: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InvalidRequest(field, f"{text!r} is not KEY=VALUE")
    return key.strip(), value
