"""A capability report taken apart: the pools that can be used, and why the others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from volsched.exceptions import InvalidRequest
from volsched.model.parsing.numbers import capacity_from, figure, ratio_from
from volsched.model.parsing.values import Unusable, frozen_mapping, shown
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport, ServiceState

MOST_POOLS = 2_000  # of one backend
LONGEST_NAME = 255
LEGACY_POOL = "_pool0"

#: Storage protocols that go by several names: a pool that reports one of them goes by all.
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("iSCSI", "iscsi"),
    ("FC", "fibre_channel", "fc"),
    ("NFS", "nfs"),
    ("NVMe-oF", "NVMeOF", "nvmeof"),
)
SPELLINGS: Mapping[str, tuple[str, ...]] = {name: family for family in FAMILIES for name in family}

#: What a pool takes over from its backend where it says nothing, or nothing true, itself.
INHERITED = ("volume_backend_name", "vendor_name", "driver_version")
#: What it takes over only where it does not mention it: an explicit None stays.
INHERITED_IF_ABSENT = ("filter_function", "goodness_function")


class ParsedReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a report. `names` are the pools it named, in its order, whether they can be used or not."""

    backend_id: str
    pools: tuple[PoolState, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()  # pool or backend id -> field, value and fix
    names: tuple[str, ...] = ()


def report_from(
    service_name: Any, host: Any, capabilities: Any, cluster_name: Any, timestamp: Any, *, now: datetime
) -> CapabilityReport:
    """The arguments of a report message as a report; without a time stamp it was made `now`. Raises InvalidRequest."""
    for field, name in (("service_name", service_name), ("host", host)):
        if not isinstance(name, str) or not name:
            raise InvalidRequest(field, f"{shown(name)} names nothing; a report must say whose it is")
    if cluster_name is not None and not isinstance(cluster_name, str):
        raise InvalidRequest("cluster_name", f"{shown(cluster_name)} is no name")
    return CapabilityReport(
        service_name=service_name,
        host=host,
        capabilities=capabilities,
        cluster_name=cluster_name or None,
        timestamp=_stamp(timestamp, now),
    )


def _stamp(given: Any, now: datetime) -> datetime:
    """A time stamp in UTC without a zone."""
    if given is None or given == "":
        return now
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise InvalidRequest("timestamp", f"{shown(given)} is no ISO 8601 time") from None
    if not isinstance(given, datetime):
        raise InvalidRequest("timestamp", f"{shown(given)} is no time")
    try:
        return given if given.tzinfo is None else given.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise InvalidRequest("timestamp", f"{given.isoformat()} is beyond the calendar") from None


def pools_from(report: CapabilityReport, service: ServiceState, default_ratio: str) -> ParsedReport:
    """The pools of a report. Never raises: what cannot be used is set aside, and leaves the rest as if it were not.

    `service` says where the backend runs; `default_ratio` is the configured max_over_subscription_ratio.
    """
    backend_id = service.backend_id
    try:
        if not isinstance(report.capabilities, Mapping):
            raise Unusable("capabilities", f"{shown(report.capabilities)} is no mapping of names to values")
        listed = report.capabilities.get("pools")
        backend = _Backend(report, service, default_ratio)
        if listed is None:
            return _legacy(backend, report.capabilities)
        entries = _entries(listed)
    except Unusable as problem:
        return ParsedReport(backend_id=backend_id, set_aside=((backend_id, str(problem)),))
    return _pools(backend, entries)


def _entries(listed: Any) -> Sequence[Any]:
    if not isinstance(listed, list | tuple):
        raise Unusable("pools", f"{shown(listed)} is no list; report a list of mappings, each with a pool_name")
    if len(listed) > MOST_POOLS:
        raise Unusable("pools", f"lists {len(listed)} pools; at most {MOST_POOLS} of one backend are taken in")
    return listed


class _Backend:
    """What the pools of one report have in common."""

    __slots__ = ("capabilities", "default_ratio", "protocol", "report", "service", "stamp")

    def __init__(self, report: CapabilityReport, service: ServiceState, default_ratio: str) -> None:
        own = {key: value for key, value in report.capabilities.items() if key != "pools"}
        self.report = report
        self.service = service
        self.default_ratio = default_ratio
        self.capabilities = frozen_mapping(own, "capabilities")
        self.protocol = _widened(self.capabilities.get("storage_protocol"))
        self.stamp = report.timestamp.isoformat()

    def pool_id(self, name: str) -> str:
        return f"{self.service.backend_id}#{name}"

    def with_inheritance(self, pool: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a pool reports, completed by what its backend does."""
        made = dict(pool)
        for key in INHERITED:
            if not made.get(key):
                made[key] = self.capabilities.get(key)
        if not made.get("timestamp"):
            made["timestamp"] = self.stamp
        made["storage_protocol"] = _widened(made.get("storage_protocol") or self.protocol)
        for key in INHERITED_IF_ABSENT:
            if key not in made and key in self.capabilities:
                made[key] = self.capabilities[key]
        return MappingProxyType(made)


def _widened(protocol: Any) -> Any:
    return SPELLINGS.get(protocol, protocol) if type(protocol) is str else protocol


def _legacy(backend: _Backend, capabilities: Mapping[str, Any]) -> ParsedReport:
    """A backend that lists no pools is one pool itself, called by its volume_backend_name."""
    backend_id = backend.service.backend_id
    name = backend.capabilities.get("volume_backend_name")
    name = LEGACY_POOL if name is None else name
    try:
        _check_name(name, "volume_backend_name")
    except Unusable as problem:
        return ParsedReport(backend_id=backend_id, set_aside=((backend_id, str(problem)),))
    reported = backend.capabilities
    if "pools" in capabilities:
        reported = {**reported, "pools": None}
    try:
        pool = _pool(backend, name, backend.with_inheritance(reported))
    except Unusable as problem:
        return ParsedReport(backend_id=backend_id, set_aside=((backend.pool_id(name), str(problem)),), names=(name,))
    return ParsedReport(backend_id=backend_id, pools=(pool,), names=(name,))


def _pools(backend: _Backend, entries: Sequence[Any]) -> ParsedReport:
    backend_id = backend.service.backend_id
    twice = _names_that_repeat(entries)
    pools: list[PoolState] = []
    aside: list[tuple[str, str]] = []
    names: dict[str, None] = {}
    for number, entry in enumerate(entries, 1):
        try:
            name = _name_of(entry, number)
        except Unusable as problem:
            aside.append((backend_id, str(problem)))
            continue
        if name in twice:
            if name not in names:
                aside.append(
                    (backend.pool_id(name), f"pool_name: {name!r} is listed {twice[name]} times; name it once")
                )
            names[name] = None
            continue
        names[name] = None
        try:
            pools.append(_pool(backend, name, backend.with_inheritance(frozen_mapping(entry, "capabilities"))))
        except Unusable as problem:
            aside.append((backend.pool_id(name), str(problem)))
    return ParsedReport(backend_id=backend_id, pools=tuple(pools), set_aside=tuple(aside), names=tuple(names))


def _names_that_repeat(entries: Sequence[Any]) -> Mapping[str, int]:
    named = (entry.get("pool_name") for entry in entries if isinstance(entry, Mapping))
    return {name: count for name, count in Counter(n for n in named if type(n) is str).items() if count > 1}


def _name_of(entry: Any, number: int) -> str:
    where = f"pools[{number}]"
    if not isinstance(entry, Mapping):
        raise Unusable(where, f"{shown(entry)} is no mapping; report one with a pool_name")
    if "pool_name" not in entry:
        raise Unusable(where, "has no pool_name; give the pool a name of its own")
    name = entry["pool_name"]
    _check_name(name, f"{where}.pool_name")
    return str(name)


def _check_name(name: Any, field: str) -> None:
    if type(name) is not str or not name:
        raise Unusable(field, f"{shown(name)} names nothing; give the pool a name in text")
    if len(name) > LONGEST_NAME:
        raise Unusable(field, f"{shown(name)} has {len(name)} characters; at most {LONGEST_NAME} are kept")


def _pool(backend: _Backend, name: str, capabilities: Mapping[str, Any]) -> PoolState:
    """One pool out of what it reports, inheritance included. Raises Unusable."""
    service = backend.service
    total = capacity_from(capabilities, "total_capacity_gb", text=True)
    free = capacity_from(capabilities, "free_capacity_gb")
    allocated = figure(capabilities.get("allocated_capacity_gb", 0), "allocated_capacity_gb")
    provisioned = figure(capabilities.get("provisioned_capacity_gb", allocated), "provisioned_capacity_gb")
    reserved = figure(
        capabilities.get("reserved_percentage", 0), "reserved_percentage", "report a percentage", text=True
    )
    ratio = ratio_from(capabilities, backend.default_ratio, total_gb=total, free_gb=free, provisioned_gb=provisioned)
    return PoolState(
        pool_id=backend.pool_id(name),
        backend_id=service.backend_id,
        name=name,
        host=service.host,
        cluster_name=service.cluster_name,
        zone=service.zone,
        total_gb=total,
        free_gb=free,
        allocated_gb=allocated,
        provisioned_gb=provisioned,
        reserved_percentage=reserved,
        max_over_subscription_ratio=ratio,
        thin=bool(capabilities.get("thin_provisioning_support", False)),
        thick=bool(capabilities.get("thick_provisioning_support", False)),
        multiattach=bool(capabilities.get("multiattach", False)),
        qos_support=bool(capabilities.get("QoS_support", False)),
        volume_backend_name=_text(capabilities.get("volume_backend_name")),
        vendor_name=_text(capabilities.get("vendor_name")),
        driver_version=_text(capabilities.get("driver_version")),
        storage_protocol=_protocol(capabilities.get("storage_protocol")),
        filter_function=_function(capabilities.get("filter_function")),
        goodness_function=_function(capabilities.get("goodness_function")),
        updated=backend.report.timestamp,
        capabilities=capabilities,
    )


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _protocol(value: Any) -> str | tuple[str, ...] | None:
    if type(value) is tuple:
        return value if all(type(item) is str for item in value) else None
    return _text(value)


def _function(value: Any) -> str | None:
    """An expression's text; a bare number or truth value is one too."""
    if value is None or type(value) is str:
        return value
    return str(value) if isinstance(value, bool | int | float) else repr(value)
