"""The validators of single fields, for every way in: API, commands, client, flows, reports and the bus.

Each returns the checked value, or raises InvalidRequest with the field, what was expected, the value and a fix.
"""

from __future__ import annotations

from typing import Any

from volsched.model import limits
from volsched.model.parsing.values import expected, frozen_mapping, mapping_from, refuse_non_finite, wrong
from volsched.model.serialization import plain

LINE = f"a line of 1 to {limits.MAX_NAME} printable characters"


def size_from(value: Any, field: str = "size", *, least: int = 1, text: bool = False) -> int:
    """Return a size in whole GiB. `text`: its digits are accepted as well."""
    if type(value) is int and least <= value <= limits.MAX_SIZE_GB:
        return value
    given = value
    digits = text and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10
    if digits or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= limits.MAX_SIZE_GB:
        raise expected(field, f"a whole number of GiB from {least} to {limits.MAX_SIZE_GB}", given)
    return value


def name_from(value: Any, field: str) -> str:
    """Return a name, an id, a host or a zone: one line of printable text that every database can store."""
    if type(value) is not str or not 0 < len(value) <= limits.MAX_NAME or not value.isprintable():
        if isinstance(value, str) and len(value) > limits.MAX_NAME:
            raise wrong(field, LINE, f"{len(value)} characters")
        raise expected(field, LINE, value)
    return value


def optional_name(value: Any, field: str) -> str | None:
    """Return a name, or None where there is none. An empty text counts as one, because Cinder sends it."""
    return value if value is None or value == "" else name_from(value, field)


def type_name_from(value: Any, field: str = "name") -> str:
    """Return the name of a volume type. Databases compare names without trailing spaces, so no name ends in one."""
    name = name_from(value, field)
    if name != name.strip():
        raise expected(field, "a name without spaces at its ends", value)
    return name


def metadata_from(value: Any, field: str = "metadata") -> dict[str, str]:
    """Return a mapping of names to lines of text; empty where there is none."""
    given = {} if value is None else mapping_from(value, field)
    if len(given) > limits.MAX_METADATA:
        raise wrong(field, f"at most {limits.MAX_METADATA} entries", str(len(given)))
    for key, item in given.items():
        name_from(key, field)
        if item != "":
            name_from(item, f"{field}.{key}")
    return dict(given)


def plain_mapping(value: Any, field: str) -> dict[str, Any]:
    """Return a copy of a mapping as JSON has it: within the limits, with finite numbers only."""
    frozen = frozen_mapping(value, field)
    refuse_non_finite(frozen, field)
    copied: dict[str, Any] = plain(frozen)
    return copied


def hints_from(value: Any, field: str = "scheduler_hints") -> dict[str, Any]:
    """Return scheduler hints; empty where there are none."""
    return {} if value is None else plain_mapping(value, field)


def backend_from(value: Any, field: str = "host") -> str:
    """Return the id of a backend (host@backend) or of a pool (host@backend#pool)."""
    name = name_from(value, field)
    host, at, backend = name.partition("#")[0].partition("@")
    if not (host and at and backend):
        raise expected(field, "host@backend or host@backend#pool", value)
    return name


def reference_from(value: Any, field: str = "ref") -> dict[str, str]:
    """Return the reference that names an existing volume, such as source-name=FILE."""
    given = mapping_from(value, field)
    if not given:
        raise expected(field, "a name of the existing volume, such as source-name=FILE", value)
    for key, item in given.items():
        name_from(key, field)
        if not isinstance(item, str) or not 0 < len(item) <= limits.MAX_REFERENCE or "\0" in item:
            raise expected(f"{field}.{key}", f"text of 1 to {limits.MAX_REFERENCE} characters", item)
    return dict(given)
