"""Validation of what callers give, and the scheduler's request dicts that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.report import ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume

#: The largest size that can be requested: 1 EiB.
MOST_GB = 1 << 30
MOST_TEXT = 255
MOST_ENTRIES = 128


def size_from(value: object, field: str = "size") -> int:
    """Return a whole number of GiB from 1 to MOST_GB, given as a number or as decimal digits. Raises InvalidRequest."""
    expected = f"expected a whole number of GiB from 1 to {MOST_GB}"
    if value is None:
        raise InvalidRequest(field, f"{expected}, got nothing")
    size = value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MOST_GB)):
        size = int(value)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_GB:
        raise InvalidRequest(field, f"{expected}, got {str(value)[:40]!r}")
    return size


def text(field: str, value: object) -> str | None:
    """Return printable text of bounded length, or None. Raises InvalidRequest."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MOST_TEXT or not value.isprintable():
        raise InvalidRequest(
            field, f"expected printable text of at most {MOST_TEXT} characters, got {str(value)[:40]!r}"
        )
    return value


def entries(field: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    """Return a bounded dict of names and texts. Raises InvalidRequest."""
    given = dict(value or {})
    if len(given) > MOST_ENTRIES:
        raise InvalidRequest(field, f"expected at most {MOST_ENTRIES} entries, got {len(given)}")
    for key, item in given.items():
        if text(f"{field}.{key}", key) in (None, "") or text(f"{field}.{key}", item) is None:
            raise InvalidRequest(field, f"expected a name and a text, got {key!r}={item!r}")
    return given


def hints(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return scheduler hints as a dict; the scheduler validates those that it uses. Raises InvalidRequest."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidRequest("hints", f"expected a mapping of names to values, got {value!r:.80}")
    return dict(value or {})


def check_zone(zone: str | None, services: Callable[[], Iterable[ServiceState]]) -> None:
    """Raise InvalidRequest unless a storage service is in the zone."""
    if zone is None:
        return
    known = sorted({service.zone for service in services() if service.zone})
    if zone not in known:
        raise InvalidRequest("zone", f"no zone {zone!r}; there are {', '.join(known) or 'none yet'}")


def plain_type(volume_type: VolumeType | None) -> dict[str, Any] | None:
    """Return a volume type as plain data."""
    if volume_type is None:
        return None
    return {
        "id": volume_type.id,
        "name": volume_type.name,
        "extra_specs": dict(volume_type.extra_specs),
        "qos_specs": dict(volume_type.qos_specs) if volume_type.qos_specs is not None else None,
    }


def scheduler_request(
    volume: Volume, volume_type: VolumeType | None, scheduler_hints: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the request_spec and the filter_properties that ask the scheduler for a pool for the volume."""
    spec = {
        "volume_id": volume.id,
        "volume_type": plain_type(volume_type),
        "volume_properties": {
            "size": volume.size_gb,
            "availability_zone": volume.availability_zone,
            "volume_type_id": volume.volume_type_id,
            "project_id": volume.project_id,
            "user_id": volume.user_id,
            "metadata": dict(volume.metadata),
            "attach_status": volume.attach_status,
            "host": volume.host,
            "qos_specs": dict(volume_type.qos_specs) if volume_type and volume_type.qos_specs else None,
        },
        "availability_zones": [volume.availability_zone] if volume.availability_zone else None,
    }
    return spec, {"scheduler_hints": dict(scheduler_hints or {})}
