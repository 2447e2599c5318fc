"""A request as it arrives, in Cinder's dicts, made into a RequestSpec once and for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.parsing.retries import next_retry, retry_from
from volsched.model.parsing.values import Unusable, frozen_mapping, is_mapping, shown
from volsched.model.request import Operation, RequestSpec, Retry, SeededDraws, VolumeType, subject_of
from volsched.model.serialization import NOTHING
from volsched.model.work import Lease

MAX_SIZE_GB = 2**31 - 1
LONGEST_NAME = 1024
MOST_ZONES = 1000
MOST_TYPES = 500
#: The volume types that requests brought, by id, as given and as parsed: nearly every request brings one of them again.
_TYPES: dict[str, tuple[Mapping[str, Any], VolumeType]] = {}

#: What a request spec calls its operation, where that tells more than the method that was called.
WORDS: Mapping[str, Operation] = {"extend_volume": Operation.EXTEND, "create_snapshot": Operation.SNAPSHOT}
#: Operations that make something new: only they may not ask for nothing.
MAKING = frozenset({Operation.CREATE})
#: Operations in which the zone of the volume's own properties counts. Elsewhere these describe the volume as it is.
ZONED = frozenset({Operation.CREATE, Operation.GROUP})


def request_from(
    context: Any,
    request_spec: Any,
    filter_properties: Any,
    *,
    operation: Operation = Operation.CREATE,
    max_attempts: int | None = None,
    fence: Lease | None = None,
    config_generation: int = 0,
) -> RequestSpec:
    """A scheduling question out of what a caller sent; nothing of it is shared or written to.

    `context` is an oslo.context RequestContext, a dict of one, or None. With `max_attempts` this is one more attempt,
    which the retry record of the question counts. Raises InvalidRequest naming the field, and NoValidBackend where
    that is one attempt too many.
    """
    spec = _mapping(request_spec, "request_spec")
    asked = _mapping({} if filter_properties is None else filter_properties, "filter_properties")
    if "volume_properties" not in spec:
        raise InvalidRequest("request_spec.volume_properties", "is missing; it holds the size and all else of a volume")
    properties = _frozen_mapping(spec["volume_properties"], "volume_properties")
    word = spec.get("operation")
    operation = WORDS.get(word, operation) if isinstance(word, str) else operation
    volume_id = _name(spec.get("volume_id"), "request_spec.volume_id")
    group_id = _name(spec.get("group_id"), "request_spec.group_id")
    snapshot_id = _name(spec.get("snapshot_id"), "request_spec.snapshot_id")
    return RequestSpec(
        operation=operation,
        volume_id=volume_id,
        group_id=group_id,
        snapshot_id=snapshot_id,
        size_gb=_size(properties, operation),
        new_size_gb=_new_size(asked.get("new_size")),
        project_id=_name(_of_context(context, "project_id"), "context.project_id"),
        user_id=_name(properties.get("user_id"), "volume_properties.user_id"),
        is_admin=bool(_of_context(context, "is_admin")),
        zones=_zones(spec.get("availability_zones")),
        zone=_zone(spec, properties, operation),
        volume_type=_volume_type(spec, operation),
        qos_specs=_part(properties, "qos_specs", "volume_properties"),
        properties=properties,
        metadata=_part(properties, "metadata", "volume_properties") or NOTHING,
        attach_status=_name(properties.get("attach_status"), "volume_properties.attach_status"),
        hints=_optional_mapping(asked.get("scheduler_hints") or None, "scheduler_hints") or NOTHING,
        exists_on=_name(asked.get("vol_exists_on"), "filter_properties.vol_exists_on"),
        resource_backend=_name(spec.get("resource_backend"), "request_spec.resource_backend") or None,
        draws=SeededDraws(volume_id or group_id or ""),
        retry=_retry(asked, max_attempts, volume_id, group_id, snapshot_id),
        fence=fence,
        config_generation=config_generation,
    )


def _retry(asked: Mapping[str, Any], max_attempts: int | None, *ids: str | None) -> Retry | None:
    """The retry record, which counts this attempt too where there is a limit to them."""
    retry = retry_from(asked.get("retry"))
    if max_attempts is None:
        return retry
    return next_retry(retry, max_attempts, subject_of(*ids) if retry else "")  # a first attempt is not one too many


def size_from(value: Any, field: str, *, least: int = 1) -> int:
    """A size in whole GiB. Raises InvalidRequest naming `field`, the value and what would do."""
    if type(value) is int and least <= value <= MAX_SIZE_GB:
        return value
    fix = f"give a whole number of GiB from {least} to {MAX_SIZE_GB}"
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_SIZE_GB:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(field, f"{shown(value)} is no size; {fix}")
    if not least <= value <= MAX_SIZE_GB:
        raise InvalidRequest(field, f"{shown(value)} is out of range; {fix}")
    return value


def _size(properties: Mapping[str, Any], operation: Operation) -> int:
    field = "volume_properties.size"
    if "size" not in properties:
        raise InvalidRequest(field, "is missing; give a whole number of GiB")
    return size_from(properties["size"], field, least=1 if operation in MAKING else 0)


def _new_size(value: Any) -> int | None:
    """The size an extend asks for; a number written as text is taken as one."""
    field = "filter_properties.new_size"
    if not value:
        return None
    if isinstance(value, str):
        try:
            value = int(value[:20])
        except ValueError:
            raise InvalidRequest(field, f"{shown(value)} is no size; give a whole number of GiB") from None
    if isinstance(value, float) and math.isfinite(value):
        value = int(value) if value == int(value) else value
    return size_from(value, field)


def _zones(given: Any) -> tuple[str | None, ...]:
    field = "request_spec.availability_zones"
    if not given:
        return ()
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list | tuple | set | frozenset) or len(given) > MOST_ZONES:
        raise InvalidRequest(field, f"{shown(given)} is no list of zones")
    for zone in given:
        if zone is not None and not isinstance(zone, str):
            raise InvalidRequest(field, f"holds {shown(zone)}, which is no zone's name")
    return tuple(given)


def _zone(spec: Mapping[str, Any], properties: Mapping[str, Any], operation: Operation) -> str | None:
    """The one zone that will do, None for any."""
    if spec.get("resource_properties"):
        properties = _mapping(spec["resource_properties"], "request_spec.resource_properties")
    elif operation not in ZONED:
        return None
    return _name(properties.get("availability_zone"), "volume_properties.availability_zone") or None


def _volume_type(spec: Mapping[str, Any], operation: Operation) -> VolumeType | None:
    """The volume type; where a group itself is placed, the group's type stands for it."""
    key = "group_type" if operation is Operation.GROUP and "volume_type" not in spec else "volume_type"
    given = spec.get(key)
    if given is None:
        return None
    field = f"request_spec.{key}"
    type_id = _mapping(given, field).get("id")
    known = _TYPES.get(type_id) if type(type_id) is str else None
    if known is not None and known[0] == given:
        return known[1]
    kind = _frozen_mapping(given, field)
    if not kind:
        return None
    made_type = VolumeType(
        id=_name(type_id, f"{field}.id"),
        name=_name(kind.get("name"), f"{field}.name"),
        extra_specs=_part(kind, "extra_specs", field) or NOTHING,
        qos_specs=_part(kind, "qos_specs", field),
        is_public=bool(kind.get("is_public", True)),
    )
    _remember(made_type, kind)
    return made_type


def _remember(volume_type: VolumeType, given: Mapping[str, Any]) -> None:
    """Keep a type that is all texts: others may be equal (1, 1.0, True) and yet be judged otherwise."""
    if (
        volume_type.id
        and not volume_type.qos_specs
        and all(type(text) is str for text in volume_type.extra_specs.values())
    ):
        if len(_TYPES) >= MOST_TYPES:
            _TYPES.clear()
        _TYPES[volume_type.id] = (given, volume_type)


def _of_context(context: Any, key: str) -> Any:
    return context.get(key) if is_mapping(context) else getattr(context, key, None)


def _mapping(given: Any, field: str) -> Mapping[str, Any]:
    if not is_mapping(given):
        raise InvalidRequest(field, f"{shown(given)} is no mapping of names to values")
    return given


def _frozen_mapping(given: Any, field: str) -> Mapping[str, Any]:
    try:
        return frozen_mapping(given, field)
    except Unusable as problem:
        raise InvalidRequest(_within(field, problem.field), problem.problem) from None


def _optional_mapping(given: Any, field: str) -> Mapping[str, Any] | None:
    return None if given is None else _frozen_mapping(given, field)


def _part(frozen: Mapping[str, Any], key: str, field: str) -> Mapping[str, Any] | None:
    """A mapping within one that was copied already."""
    given = frozen.get(key)
    if given is not None and not is_mapping(given):
        raise InvalidRequest(f"{field}.{key}", f"{shown(given)} is no mapping of names to values")
    return given


def _within(field: str, part: str) -> str:
    return field if part == field else f"{field}.{part[:100]}"


def _name(given: Any, field: str) -> str | None:
    """A name or id in text, None where there is none."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise InvalidRequest(field, f"{shown(given)} is no name; send text")
    if len(given) > LONGEST_NAME:
        raise InvalidRequest(field, f"{shown(given)} has {len(given)} characters; at most {LONGEST_NAME} are taken")
    return given
