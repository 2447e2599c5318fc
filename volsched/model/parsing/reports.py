"""Parsing of a capability report into the pools that can be used, and the reasons why others cannot."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from volsched.exceptions import InvalidRequest
from volsched.model import capacity, limits
from volsched.model.parsing.fields import name_from
from volsched.model.parsing.values import expected, frozen_mapping, mapping_from, wrong
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport, ServiceState

LEGACY_POOL = "_pool0"
INFINITE = "infinite"
UNKNOWN = "unknown"
AUTO = "auto"
WORDS: Mapping[str, float] = {INFINITE: math.inf, UNKNOWN: math.nan}
NUMBER = "a number of GiB, 0 or more"
TIME = "an ISO 8601 time, such as 2026-11-22T09:00:02.668855"
CAPACITY = f"{NUMBER}, or '{INFINITE}' or '{UNKNOWN}'"

#: Storage protocols with several names: a pool that reports one of them matches all.
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("iSCSI", "iscsi"),
    ("FC", "fibre_channel", "fc"),
    ("NFS", "nfs"),
    ("NVMe-oF", "NVMeOF", "nvmeof"),
)
SPELLINGS: Mapping[str, tuple[str, ...]] = {name: family for family in FAMILIES for name in family}

#: Capabilities that a pool inherits from its backend if its own value is missing or false.
INHERITED = ("volume_backend_name", "vendor_name", "driver_version")
#: Capabilities that it inherits only if the key is missing: an explicit None stays.
INHERITED_IF_ABSENT = ("filter_function", "goodness_function")


class ParsedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed report. `names` are all pools that it names, in its order."""

    backend_id: str
    pools: tuple[PoolState, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()  # pool or backend id -> field, value and fix
    names: tuple[str, ...] = ()


def report_from(
    service_name: Any, host: Any, capabilities: Any, cluster_name: Any, timestamp: Any, *, now: datetime
) -> CapabilityReport:
    """Return the report of a report message; its time is `now` if it has none. Raise InvalidRequest."""
    return CapabilityReport(
        service_name=name_from(service_name, "service_name"),
        host=_backend_id(host, "host"),
        capabilities=capabilities,
        cluster_name=_backend_id(cluster_name, "cluster_name") if cluster_name else None,
        timestamp=_stamp(timestamp, now),
    )


def _backend_id(given: Any, field: str) -> str:
    name = name_from(given, field)
    if len(name) > limits.MAX_BACKEND_ID:
        raise wrong(field, f"at most {limits.MAX_BACKEND_ID} characters", str(len(name)))
    return name


def _stamp(given: Any, now: datetime) -> datetime:
    """Return a time stamp in UTC without a zone."""
    if given is None or given == "":
        return now
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise expected("timestamp", TIME, given) from None
    if not isinstance(given, datetime):
        raise expected("timestamp", TIME, given)
    try:
        return given if given.tzinfo is None else given.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise wrong("timestamp", TIME, given.isoformat()) from None


def pools_from(report: CapabilityReport, service: ServiceState, default_ratio: str) -> ParsedReport:
    """Return the pools of a report. Pools that cannot be used are set aside with the reason; nothing is raised.

    `service` is the backend's service; `default_ratio` is the configured max_over_subscription_ratio.
    """
    backend_id = service.backend_id
    try:
        listed = mapping_from(report.capabilities, "capabilities").get("pools")
        backend = _Backend(report, service, default_ratio)
        if listed is None:
            return _legacy(backend, report.capabilities)
        entries = _entries(listed)
    except InvalidRequest as problem:
        return ParsedReport(backend_id=backend_id, set_aside=((backend_id, str(problem)),))
    return _pools(backend, entries)


def _entries(listed: Any) -> Sequence[Any]:
    if not isinstance(listed, list | tuple):
        raise expected("pools", "a list of mappings, each with a pool_name", listed)
    if len(listed) > limits.MAX_POOLS:
        raise wrong("pools", f"at most {limits.MAX_POOLS} pools of one backend", str(len(listed)))
    return listed


class _Backend:
    """The values that the pools of one report have in common."""

    __slots__ = ("capabilities", "default_ratio", "protocol", "report", "service", "stamp")

    def __init__(self, report: CapabilityReport, service: ServiceState, default_ratio: str) -> None:
        own = {key: value for key, value in report.capabilities.items() if key != "pools"}
        self.report = report
        self.service = service
        self.default_ratio = default_ratio
        self.capabilities = frozen_mapping(own, "capabilities", prefix="")
        self.protocol = _widened(self.capabilities.get("storage_protocol"))
        self.stamp = report.timestamp.isoformat()

    def pool_id(self, name: str) -> str:
        return f"{self.service.backend_id}#{name}"

    def check_length(self, name: str, field: str) -> None:
        """Raise InvalidRequest if the id of the pool would be too long."""
        if len(self.pool_id(name)) > limits.MAX_NAME:
            most = limits.MAX_NAME - len(self.pool_id(""))
            raise wrong(field, f"at most {most} characters beside {self.pool_id('')}", str(len(name)))

    def with_inheritance(self, pool: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the capabilities of a pool with those that it inherits."""
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
    """Return the pool of a backend that lists none: the backend itself, named by its volume_backend_name."""
    backend_id = backend.service.backend_id
    name = backend.capabilities.get("volume_backend_name")
    name = LEGACY_POOL if name is None else name
    try:
        backend.check_length(name_from(name, "volume_backend_name"), "volume_backend_name")
    except InvalidRequest as problem:
        return ParsedReport(backend_id=backend_id, set_aside=((backend_id, str(problem)),))
    reported = backend.capabilities
    if "pools" in capabilities:
        reported = {**reported, "pools": None}
    try:
        pool = _pool(backend, name, backend.with_inheritance(reported))
    except InvalidRequest as problem:
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
            name = _name_of(backend, entry, number)
        except InvalidRequest as problem:
            aside.append((backend_id, str(problem)))
            continue
        if name in twice:
            if name not in names:
                again = wrong("pool_name", "each name once", f"{name!r} {twice[name]} times")
                aside.append((backend.pool_id(name), str(again)))
            names[name] = None
            continue
        names[name] = None
        if entry.get("backend_state") == "down" and entry.get("problem"):  # Cinder places volumes without a reason
            aside.append((backend.pool_id(name), f"down: {entry['problem']}"))
            continue
        try:
            pools.append(
                _pool(backend, name, backend.with_inheritance(frozen_mapping(entry, "capabilities", prefix="")))
            )
        except InvalidRequest as problem:
            aside.append((backend.pool_id(name), str(problem)))
    return ParsedReport(backend_id=backend_id, pools=tuple(pools), set_aside=tuple(aside), names=tuple(names))


def _names_that_repeat(entries: Sequence[Any]) -> Mapping[str, int]:
    named = (entry.get("pool_name") for entry in entries if isinstance(entry, Mapping))
    return {name: count for name, count in Counter(n for n in named if type(n) is str).items() if count > 1}


def _name_of(backend: _Backend, entry: Any, number: int) -> str:
    """Return the name of the pool at this place of the list, counted from 1."""
    where = f"pools[{number}]"
    name = name_from(mapping_from(entry, where).get("pool_name"), f"{where}.pool_name")
    backend.check_length(name, f"{where}.pool_name")
    return name


def _pool(backend: _Backend, name: str, capabilities: Mapping[str, Any]) -> PoolState:
    """Return the pool with these capabilities, inherited ones included. Raise InvalidRequest."""
    service = backend.service
    total = _capacity(capabilities, "total_capacity_gb", text=True)
    free = _capacity(capabilities, "free_capacity_gb")
    allocated = _number(capabilities.get("allocated_capacity_gb", 0), "allocated_capacity_gb")
    provisioned = _number(capabilities.get("provisioned_capacity_gb", allocated), "provisioned_capacity_gb")
    reserved = _number(
        capabilities.get("reserved_percentage", 0), "reserved_percentage", "a percentage of 0 or more", text=True
    )
    ratio = _ratio(capabilities, backend.default_ratio, total_gb=total, free_gb=free, provisioned_gb=provisioned)
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


def _capacity(pool: Mapping[str, Any], key: str, *, text: bool = False) -> float:
    """Return total or free capacity: 0 if it is missing, inf for `infinite`, nan for `unknown`."""
    value = pool.get(key, 0)
    if type(value) is str and value in WORDS:
        return WORDS[value]
    return _number(value, key, CAPACITY, text=text)


def _number(value: Any, key: str, what: str = NUMBER, *, text: bool = False) -> float:
    """Return a finite number of 0 or more. `text`: its digits are accepted as well. Raise InvalidRequest."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and not text):
        raise expected(key, what, value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise expected(key, what, value) from None
    if not (math.isfinite(number) and number >= 0):
        raise expected(key, what, value)
    return number


def _ratio(
    pool: Mapping[str, Any], default_ratio: str, *, total_gb: float, free_gb: float, provisioned_gb: float
) -> float:
    """Return how many times over a pool may be provisioned. Raise InvalidRequest.

    It is 1 for thick, unbounded and unknown pools. A missing or empty value stands for the configured one.
    """
    key = "max_over_subscription_ratio"
    if not pool.get("thin_provisioning_support") or not math.isfinite(total_gb) or not math.isfinite(free_gb):
        return 1.0
    value = pool.get(key) or default_ratio
    if value == AUTO:
        if provisioned_gb and total_gb - free_gb + 1.0 == 0.0:
            raise wrong(key, f"figures that '{AUTO}' can divide by", f"{free_gb:g} GiB free of {total_gb:g}")
        return capacity.auto_ratio(total_gb, free_gb, provisioned_gb)
    return _number(value, key, f"a number such as 20.0, or '{AUTO}'", text=True)


def _text(value: Any) -> str | None:
    return value if type(value) is str else None


def _protocol(value: Any) -> str | tuple[str, ...] | None:
    if type(value) is tuple:
        return value if all(type(item) is str for item in value) else None
    return _text(value)


def _function(value: Any) -> str | None:
    """Return the text of an expression, which may be reported as a number or a boolean."""
    if value is None or type(value) is str:
        return value
    return str(value) if isinstance(value, bool | int | float) else repr(value)
