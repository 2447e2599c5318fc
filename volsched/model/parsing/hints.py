"""The scheduler hints that name volumes or a compute instance."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from volsched.model import limits
from volsched.model.parsing.values import expected, wrong

DIFFERENT_HOST = "different_host"
SAME_HOST = "same_host"
LOCAL_TO_INSTANCE = "local_to_instance"
QUERY = "query"


def field_of(hint: str) -> str:
    """Return the name of a hint in error messages."""
    return f"scheduler_hints.{hint}"


def hinted_volumes(hints: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the volumes that these affinity hints name, each once. Raise InvalidRequest.

    A hint is a list of ids, or one id as text.
    """
    return tuple(dict.fromkeys(volume_id for name in names for volume_id in volume_ids(hints, name)))


def hinted_instance(hints: Mapping[str, Any]) -> str:
    """Return the id of the compute instance that the volume shall be local to. Raise InvalidRequest."""
    return _id(hints.get(LOCAL_TO_INSTANCE), field_of(LOCAL_TO_INSTANCE))


def instance_id(hints: Mapping[str, Any]) -> str | None:
    """Return the same, or None if the hint is absent or empty."""
    return hinted_instance(hints) if hints.get(LOCAL_TO_INSTANCE) else None


def volume_ids(hints: Mapping[str, Any], hint: str) -> tuple[str, ...]:
    """Return the ids of the volumes that one affinity hint names; none if it is absent. Raise InvalidRequest."""
    if hint not in hints:
        return ()
    field, given = field_of(hint), hints[hint]
    if isinstance(given, str):
        return (_id(given, field),)
    if not isinstance(given, Sequence):
        raise expected(field, "a volume's id or a list of ids", given)
    if len(given) > limits.MAX_HINT_VOLUMES:
        raise wrong(field, f"at most {limits.MAX_HINT_VOLUMES} volumes", str(len(given)))
    return tuple(_id(item, f"{field}[{number}]") for number, item in enumerate(given))


def _id(given: Any, field: str) -> str:
    """Return a UUID in lower case with dashes, whatever spelling was given."""
    try:
        return str(uuid.UUID(given))
    except (ValueError, TypeError, AttributeError):
        raise expected(field, "a UUID", given, "give the id that lists show") from None
