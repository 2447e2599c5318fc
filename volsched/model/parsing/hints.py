"""What the facts behind the hints are fetched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.hints import LOCAL_TO_INSTANCE, field_of, instance_id, volume_ids


def hinted_volumes(hints: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """The volumes that these affinity hints name, each once. Raises InvalidRequest naming the hint and the place."""
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(volume_ids(hints, name)))
    return tuple(found)


def hinted_instance(hints: Mapping[str, Any]) -> str:
    """The compute instance that the volume shall be local to. Raises InvalidRequest naming the hint."""
    found = instance_id(hints)
    if found is None:
        raise InvalidRequest(field_of(LOCAL_TO_INSTANCE), "names no instance; give its id, or leave the hint out")
    return found
