"""The scheduler hints that name something: checked, and in the one spelling that the rest of volsched uses."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from volsched.exceptions import InvalidRequest

DIFFERENT_HOST = "different_host"
SAME_HOST = "same_host"
LOCAL_TO_INSTANCE = "local_to_instance"
QUERY = "query"
MOST_IDS = 1000


def field_of(hint: str) -> str:
    """What an error calls a hint."""
    return f"scheduler_hints.{hint}"


def volume_ids(hints: Mapping[str, Any], hint: str) -> tuple[str, ...]:
    """The volumes that an affinity hint names, none where it is absent. Raises InvalidRequest naming hint and place.

    The hint is a list of ids, or one id as a text.
    """
    if hint not in hints:
        return ()
    given = hints[hint]
    if isinstance(given, str):
        return (_id(given, hint, ""),)
    if not isinstance(given, Sequence):
        raise InvalidRequest(field_of(hint), f"{given!r:.80} is neither a volume's id nor a list of ids")
    if len(given) > MOST_IDS:
        raise InvalidRequest(field_of(hint), f"names {len(given)} volumes; at most {MOST_IDS} are looked up")
    return tuple(_id(item, hint, f"item {number}: ") for number, item in enumerate(given, 1))


def instance_id(hints: Mapping[str, Any]) -> str | None:
    """The compute instance that the volume shall be local to, if any. Raises InvalidRequest naming the hint."""
    given = hints.get(LOCAL_TO_INSTANCE)
    return _id(given, LOCAL_TO_INSTANCE, "") if given else None


def _id(given: Any, hint: str, place: str) -> str:
    """A UUID with dashes, in lower case, whatever spelling was given."""
    try:
        return str(uuid.UUID(given))
    except (ValueError, TypeError, AttributeError):
        raise InvalidRequest(
            field_of(hint), f"{place}{given!r:.80} is no UUID; give an id like 3f0e…, as lists show it"
        ) from None
