"""What callers give, checked, and what a scheduler is asked because of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.context import plain_context
from volsched.model.report import ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume

#: The largest volume that is asked for in earnest: 1 EiB.
MOST_GB = 1 << 30
MOST_TEXT = 255
MOST_ENTRIES = 128


def size_from(value: object, field: str = "size") -> int:
    """A whole number of GiB from 1 to MOST_GB, given as a number or as its digits. Raises InvalidRequest."""
    if value is None:
        raise InvalidRequest(field, f"is missing; give a whole number of GiB from 1 to {MOST_GB}")
    fix = f"must be a whole number of GiB from 1 to {MOST_GB}"
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MOST_GB)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_GB:
        raise InvalidRequest(field, f"{str(value)[:40]!r} {fix}")
    return value


def text(field: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MOST_TEXT or not value.isprintable():
        raise InvalidRequest(field, f"{str(value)[:40]!r} must be printable text of at most {MOST_TEXT} characters")
    return value


def entries(field: str, value: Mapping[str, Any] | None) -> dict[str, str]:
    given = dict(value or {})
    if len(given) > MOST_ENTRIES:
        raise InvalidRequest(field, f"{len(given)} entries given, at most {MOST_ENTRIES} are kept")
    for key, item in given.items():
        if text(f"{field}.{key}", key) in (None, "") or text(f"{field}.{key}", item) is None:
            raise InvalidRequest(field, f"{key!r}={item!r} is not a name and a text")
    return given


def check_zone(zone: str | None, services: Callable[[], Iterable[ServiceState]]) -> None:
    """Raises InvalidRequest where no service is in it."""
    if zone is None:
        return
    known = sorted({service.zone for service in services() if service.zone})
    if zone not in known:
        raise InvalidRequest("zone", f"no zone {zone!r}; there are {', '.join(known) or 'none yet'}")


def project(context: Any) -> str:
    return plain_context(context).get("project_id") or ""


def plain_type(volume_type: VolumeType | None) -> dict[str, Any] | None:
    if volume_type is None:
        return None
    return {
        "id": volume_type.id,
        "name": volume_type.name,
        "extra_specs": dict(volume_type.extra_specs),
        "qos_specs": dict(volume_type.qos_specs) if volume_type.qos_specs is not None else None,
    }


def question(
    volume: Volume, volume_type: VolumeType | None, hints: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request_spec and filter_properties that ask where a volume may live."""
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
    return spec, {"scheduler_hints": dict(hints or {})}
