"""What may come in over the bus: plain JSON of bounded size, and reports that have the form of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.parsing.values import shown
from volsched.model.report import CapabilityReport

#: One message carries no more than this as JSON. A backend of 1,000 pools reports 0.6 MB.
MOST_BYTES = 4 * 1024 * 1024
MOST_DEPTH = 16
MOST_NAME = 255
MOST_SHOWN = 80
MOST_POOLS = 10_000
KINDS = ("volume", "backup")


def plain_json(field: str, value: Any) -> Any:
    """The value as JSON gives it back: nothing shared, no Python objects. Raises InvalidRequest.

    Stricter than `json.dumps`: keys are text, numbers are finite, tuples and sets are refused.
    """
    _check(field, value, MOST_DEPTH)
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError as problem:
        raise InvalidRequest(field, f"{problem}: send finite numbers") from problem
    if len(text) > MOST_BYTES:
        raise InvalidRequest(field, f"{len(text)} bytes of JSON, at most {MOST_BYTES} are taken")
    return json.loads(text)


def name(field: str, value: Any) -> str:
    """A host, a queue, an id: printable text that is not empty. Raises InvalidRequest."""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_NAME or not value.isprintable():
        raise InvalidRequest(field, f"{shown(value)} must be printable text of 1 to {MOST_NAME} characters")
    return value


def report_from(message: Mapping[str, Any], *, received_at: datetime) -> CapabilityReport:
    """A capability report as Cinder's volume services send it, and ours. Raises InvalidRequest naming the field.

    What its capabilities say is not judged here: one bad pool must not cost the others their report.
    """
    message = plain_json("report", dict(message))
    unknown = sorted(message.keys() - {"service_name", "host", "capabilities", "cluster_name", "timestamp"})
    if unknown:
        raise InvalidRequest(unknown[0][:MOST_SHOWN], "no part of a capability report")
    kind = name("service_name", message.get("service_name"))
    if kind not in KINDS:
        raise InvalidRequest("service_name", f"{shown(kind)} must be one of {', '.join(KINDS)}")
    host = name("host", message.get("host"))
    if "#" in host or (kind == "volume" and "@" not in host):
        raise InvalidRequest("host", f"{shown(host)} must be host@backend")
    cluster = message.get("cluster_name")
    capabilities = message.get("capabilities")
    if not isinstance(capabilities, dict):
        raise InvalidRequest("capabilities", f"must be a mapping, not {type(capabilities).__name__}")
    pools = capabilities.get("pools")
    if isinstance(pools, list) and len(pools) > MOST_POOLS:
        raise InvalidRequest("capabilities.pools", f"{len(pools)} pools, at most {MOST_POOLS} are taken")
    return CapabilityReport(
        service_name=kind,
        host=host,
        capabilities=capabilities,
        cluster_name=None if cluster is None else name("cluster_name", cluster),
        timestamp=_moment(message.get("timestamp"), received_at),
    )


def message_of(report: CapabilityReport) -> dict[str, Any]:
    """The message that `report_from` reads. Raises InvalidRequest where the backend reported what is no JSON."""
    return {
        "service_name": report.service_name,
        "host": report.host,
        "capabilities": plain_json("capabilities", _mutable(report.capabilities)),
        "cluster_name": report.cluster_name,
        "timestamp": report.timestamp.isoformat(),
    }


def _check(field: str, value: Any, depth: int) -> None:
    if depth == 0:
        raise InvalidRequest(field, f"nested more than {MOST_DEPTH} levels deep")
    if value is None or isinstance(value, bool | int | float | str):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidRequest(field, f"the key {shown(key)} must be text")
            _check(f"{field}.{key[:MOST_SHOWN]}", item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(field, item, depth - 1)
    else:
        raise InvalidRequest(field, f"{type(value).__name__} is no JSON: send text, numbers, lists or mappings")


def _mutable(value: Any) -> Any:
    """Mappings and tuples of ours as the dicts and lists that JSON has."""
    if isinstance(value, Mapping):
        return {key: _mutable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mutable(item) for item in value]
    return value


def _moment(value: Any, received_at: datetime) -> datetime:
    """Naive, in UTC; the time of arrival where none was sent."""
    if value is None:
        return received_at
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):  # the last one: near the ends of the calendar
        raise InvalidRequest("timestamp", f"{shown(value)} is no time, e.g. 2026-11-22T09:00:02.668855") from None
