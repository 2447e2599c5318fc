"""The backends that volumes can be placed on, in the order in which they were first seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from volsched.model.identity import backend_of, pool_name_of
from volsched.model.parsing import pools_from
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport, ServiceState, replaces


class Backend:
    """One backend with the pools of the report that was applied last.

    `host` and `cluster_name` are those of its first service, until the backend is removed. A pool that is set aside
    keeps its position among the others.
    """

    __slots__ = ("applied", "cluster_name", "host", "pools", "service", "set_aside")

    def __init__(self, service: ServiceState) -> None:
        self.host = service.host
        self.cluster_name = service.cluster_name
        self.service = service
        self.applied: tuple[CapabilityReport, ServiceState] | None = None
        self.pools: dict[str, PoolState | None] = {}
        self.set_aside: tuple[tuple[str, str], ...] = ()

    @property
    def backend_id(self) -> str:
        return self.cluster_name or self.host

    def usable(self) -> Iterator[PoolState]:
        """Yield the usable pools, in their order."""
        return (pool for pool in self.pools.values() if pool is not None)

    def apply(self, report: CapabilityReport, default_ratio: str, now: datetime) -> bool | None:
        """Apply a report; return None if nothing changed, False if the same pools have other values, else True.

        The first report under a cluster's name counts only if it replaces the service's own.
        """
        other = self.applied[0] if self.applied is not None else report
        if report.backend_id != other.backend_id and not replaces(report.timestamp, other.timestamp, now):
            report = other
        if self.applied is not None and self.applied[0] is report and self.applied[1] == self.service:
            return None
        self.applied = (report, self.service)
        seen = replace(self.service, host=self.host, cluster_name=self.cluster_name)
        parsed = pools_from(report, seen, default_ratio)
        self.set_aside = parsed.set_aside
        usable = {pool.name: pool for pool in parsed.pools}
        named = dict.fromkeys(parsed.names)
        before = [pool.name for pool in self.usable()]
        places = {**{name: None for name in self.pools if name in named}, **named}
        self.pools = {name: usable.get(name) for name in places}
        return before != [pool.name for pool in self.usable()]


class BackendMap:
    """The backends that are up, enabled and have reported. Not safe for threads."""

    def __init__(self) -> None:
        self.backends: dict[str, Backend] = {}
        #: Backends that are up and enabled, but have not reported.
        self.missing: set[str] = set()
        #: Backends that are closed whatever they report, each with the reason.
        self.closed: dict[str, str] = {}

    def pool(self, pool_id: str) -> PoolState | None:
        """Return a usable pool as it was reported."""
        backend = self.backends.get(backend_of(pool_id))
        return None if backend is None else backend.pools.get(pool_name_of(pool_id))

    def walk(self, services: Iterable[ServiceState], reports: Mapping[str, CapabilityReport]) -> bool:
        """Keep the backends of these services that are up, enabled and have reported.

        The first service of a backend that is up counts. Return whether the set of backends changed.
        """
        present: dict[str, Backend] = {}
        missing: set[str] = set()
        closed: dict[str, str] = {}
        changed = False
        for service in services:
            key = service.backend_id
            if service.kind != "volume":
                continue
            why = _closed(service)
            if why is not None:
                closed.setdefault(key, why)
                continue
            if key in present or key in missing:
                continue
            if report_for(service, reports) is None:
                missing.add(key)
                continue
            backend = self.backends.get(key)
            if backend is None:
                backend = self.backends[key] = Backend(service)
                changed = True
            backend.service = service
            present[key] = backend
        gone = [key for key in self.backends if key not in present]
        for key in gone:
            del self.backends[key]
        self.missing = missing
        self.closed = {key: why for key, why in closed.items() if key not in present and key not in missing}
        return changed or bool(gone)


def _closed(service: ServiceState) -> str | None:
    """Return why a service accepts no volumes; None if it does."""
    if service.disabled:
        reason = f": {service.disabled_reason}" if service.disabled_reason else ""
        return f"disabled by the operator{reason}"
    if service.frozen:
        return "frozen by the operator"
    return None if service.up else "down: its last heartbeat is too old"


def report_for(service: ServiceState, reports: Mapping[str, CapabilityReport]) -> CapabilityReport | None:
    """Return the report of a service: under its cluster's name, else under its own."""
    found = reports.get(service.cluster_name) if service.cluster_name else None
    return found if found is not None else reports.get(service.host)
