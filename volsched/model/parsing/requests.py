"""Parsing of a request in Cinder's dicts into a RequestSpec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model import limits
from volsched.model.parsing.fields import name_from, optional_name, size_from
from volsched.model.parsing.retries import next_retry, retry_from
from volsched.model.parsing.values import MAPPING, expected, frozen_mapping, is_mapping, mapping_from
from volsched.model.request import Operation, RequestSpec, Retry, SeededDraws, VolumeType, subject_of
from volsched.model.serialization import NOTHING
from volsched.model.work import Lease

#: Parsed volume types kept at a time.
MAX_KEPT_TYPES = 500
#: Volume types of earlier requests by id, as given and as parsed, because most requests have one of them again.
_TYPES: dict[str, tuple[Mapping[str, Any], VolumeType]] = {}

#: Operations named in a request spec. They are more precise than the method that was called.
WORDS: Mapping[str, Operation] = {
    "create_volume": Operation.CREATE,
    "extend_volume": Operation.EXTEND,
    "create_snapshot": Operation.SNAPSHOT,
    "manage_existing": Operation.MANAGE,
    "migrate_volume": Operation.MIGRATE,
    "retype_volume": Operation.RETYPE,
}
#: Operations that create something, so that the size is at least 1.
MAKING = frozenset({Operation.CREATE})
#: Operations that use the zone of the volume's properties. In others the properties describe where the volume is now.
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
    """Return the request that a caller sent; it shares nothing with the arguments.

    `context` is an oslo.context RequestContext, a dict of one, or None. With `max_attempts` the retry record counts
    this attempt. Raise InvalidRequest naming the field, and NoValidBackend if that is one attempt too many.
    """
    spec = mapping_from(request_spec, "request_spec")
    asked = mapping_from({} if filter_properties is None else filter_properties, "filter_properties")
    if "volume_properties" not in spec:
        raise expected("request_spec.volume_properties", MAPPING, None)
    properties = frozen_mapping(spec["volume_properties"], "volume_properties")
    word = spec.get("operation")
    operation = WORDS.get(word, operation) if isinstance(word, str) else operation
    volume_id = optional_name(spec.get("volume_id"), "request_spec.volume_id")
    group_id = optional_name(spec.get("group_id"), "request_spec.group_id")
    snapshot_id = optional_name(spec.get("snapshot_id"), "request_spec.snapshot_id")
    return RequestSpec(
        operation=operation,
        volume_id=volume_id,
        group_id=group_id,
        snapshot_id=snapshot_id,
        size_gb=_size(properties, operation),
        new_size_gb=_new_size(asked.get("new_size")),
        project_id=optional_name(_of_context(context, "project_id"), "context.project_id"),
        user_id=optional_name(properties.get("user_id"), "volume_properties.user_id"),
        is_admin=bool(_of_context(context, "is_admin")),
        zones=_zones(spec.get("availability_zones")),
        zone=_zone(spec, properties, operation),
        volume_type=_volume_type(spec, operation),
        qos_specs=_part(properties, "qos_specs", "volume_properties"),
        properties=properties,
        metadata=_part(properties, "metadata", "volume_properties") or NOTHING,
        attach_status=optional_name(properties.get("attach_status"), "volume_properties.attach_status"),
        hints=frozen_mapping(asked.get("scheduler_hints") or NOTHING, "scheduler_hints"),
        exists_on=optional_name(asked.get("vol_exists_on"), "filter_properties.vol_exists_on"),
        resource_backend=optional_name(spec.get("resource_backend"), "request_spec.resource_backend") or None,
        draws=SeededDraws(volume_id or group_id or ""),
        retry=_retry(asked, max_attempts, volume_id, group_id, snapshot_id),
        fence=fence,
        config_generation=config_generation,
    )


def lease_from(filter_properties: Any) -> Lease | None:
    """Return the lease that a request is made under; None where there is none. Raises InvalidRequest."""
    given = filter_properties.get("lease") if is_mapping(filter_properties) else None
    if given is None:
        return None
    try:
        return Lease.parse(given)
    except InvalidRequest as problem:
        raise InvalidRequest(f"filter_properties.{problem.field}", problem.problem) from None


def _retry(asked: Mapping[str, Any], max_attempts: int | None, *ids: str | None) -> Retry | None:
    """Return the retry record, with this attempt counted if attempts are limited."""
    retry = retry_from(asked.get("retry"))
    if max_attempts is None:
        return retry
    return next_retry(retry, max_attempts, subject_of(*ids) if retry else "")  # only used in a refusal


def _size(properties: Mapping[str, Any], operation: Operation) -> int:
    return size_from(properties.get("size"), "volume_properties.size", least=1 if operation in MAKING else 0)


def _new_size(value: Any) -> int | None:
    """Return the size that an extend asks for; its digits as text are accepted."""
    return size_from(value, "filter_properties.new_size", text=True) if value else None


def _zones(given: Any) -> tuple[str | None, ...]:
    field = "request_spec.availability_zones"
    if not given:
        return ()
    if isinstance(given, str):
        return (name_from(given, field),)
    if not isinstance(given, list | tuple | set | frozenset) or len(given) > limits.MAX_ZONES:
        raise expected(field, f"a list of at most {limits.MAX_ZONES} zones", given)
    return tuple(optional_name(zone, field) for zone in given)


def _zone(spec: Mapping[str, Any], properties: Mapping[str, Any], operation: Operation) -> str | None:
    """Return the zone that the pool must be in, None for any."""
    if spec.get("resource_properties"):
        properties = mapping_from(spec["resource_properties"], "request_spec.resource_properties")
    elif operation not in ZONED:
        return None
    return optional_name(properties.get("availability_zone"), "volume_properties.availability_zone") or None


def _volume_type(spec: Mapping[str, Any], operation: Operation) -> VolumeType | None:
    """Return the volume type, or the group's type where a group itself is placed."""
    key = "group_type" if operation is Operation.GROUP and "volume_type" not in spec else "volume_type"
    given = spec.get(key)
    if given is None:
        return None
    field = f"request_spec.{key}"
    type_id = mapping_from(given, field).get("id")
    known = _TYPES.get(type_id) if type(type_id) is str else None
    if known is not None and known[0] == given:
        return known[1]
    kind = frozen_mapping(given, field)
    if not kind:
        return None
    made_type = VolumeType(
        id=optional_name(type_id, f"{field}.id"),
        name=optional_name(kind.get("name"), f"{field}.name"),
        extra_specs=_part(kind, "extra_specs", field) or NOTHING,
        qos_specs=_part(kind, "qos_specs", field),
        is_public=bool(kind.get("is_public", True)),
    )
    _remember(made_type, kind)
    return made_type


def _remember(volume_type: VolumeType, given: Mapping[str, Any]) -> None:
    """Keep a type whose extra specs are all text: other values may be equal (1, 1.0, True) but match differently."""
    if (
        volume_type.id
        and not volume_type.qos_specs
        and all(type(text) is str for text in volume_type.extra_specs.values())
    ):
        if len(_TYPES) >= MAX_KEPT_TYPES:
            _TYPES.clear()
        _TYPES[volume_type.id] = (given, volume_type)


def _of_context(context: Any, key: str) -> Any:
    return context.get(key) if is_mapping(context) else getattr(context, key, None)


def _part(frozen: Mapping[str, Any], key: str, field: str) -> Mapping[str, Any] | None:
    """Return a mapping within one that was copied already."""
    given = frozen.get(key)
    return None if given is None else mapping_from(given, f"{field}.{key}")
