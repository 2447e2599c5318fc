"""Validation of what callers give, and the scheduler's request dicts that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model import parsing
from volsched.model.report import ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume


def size_from(value: object, field: str = "size") -> int:
    """Return a size in whole GiB, given as a number or as its digits. Raise InvalidRequest."""
    return parsing.size_from(value, field, text=True)


def text(field: str, value: object) -> str | None:
    """Return one line of printable text, or None. Raise InvalidRequest."""
    return parsing.optional_name(value, field)


def entries(field: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    """Return metadata. Raise InvalidRequest."""
    return parsing.metadata_from(value, field)


def hints(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a copy of scheduler hints. Raise InvalidRequest."""
    return parsing.hints_from(value, "hints")


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
