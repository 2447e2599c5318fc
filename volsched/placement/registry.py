"""The pools of all backends, kept up to date by reports and claims."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from msgspec.structs import replace

from volsched.exceptions import ServiceNotFound
from volsched.model.candidates import PoolTable
from volsched.model.claim import Claim
from volsched.model.identity import backend_of, host_of
from volsched.model.pool import PoolState
from volsched.model.ports import Clock
from volsched.model.report import CapabilityReport, ServiceState, replaces, seconds_ahead
from volsched.model.request import SeededDraws
from volsched.placement.backends import BackendMap, report_for
from volsched.placement.pending_claims import PendingClaims

MOST_STRAY_REPORTS = 100
KINDS = ("volume", "backup")


def utc_now() -> datetime:
    """Return the time in UTC, naive."""
    return datetime.now(UTC).replace(tzinfo=None)


class Registry:
    """The pools of all backends. Safe for threads: readers get the current table without a lock.

    Reports, claims and services are stored at once, and applied when the next table is read. A report replaces the
    rows of its backend, a claim one row; a new table is made only when the set of pools changes.

    `default_ratio` is the configured max_over_subscription_ratio. `backup_use_same_host`: backups are made on the
    volume's own host. `clock`: judges the time stamps of reports.
    """

    def __init__(
        self,
        default_ratio: str = "20.0",
        *,
        clock: Clock = utc_now,
        backup_use_same_host: bool = False,
    ) -> None:
        self._default_ratio = default_ratio
        self._clock = clock
        self._backup_use_same_host = backup_use_same_host
        self._lock = threading.RLock()
        self._services: tuple[ServiceState, ...] = ()
        self._reports: dict[str, CapabilityReport] = {}
        self._backup_reports: dict[str, CapabilityReport] = {}
        self._map = BackendMap()
        self._pending = PendingClaims()
        self._strays: dict[str, str] = {}
        # What the next table has to apply.
        self._walk_due = True
        self._strays_due = False
        self._reported: set[str] = set()
        self._claimed: set[str] = set()
        self._recordoned: set[str] = set()
        self._cordons: Mapping[str, Mapping[str, str]] = {}
        self._stale = True
        self._table = PoolTable(())
        self._set_aside: tuple[tuple[str, str], ...] = ()

    # -- reading -------------------------------------------------------------------------------------------------

    def table(self) -> PoolTable:
        """Return all pools as they are now."""
        if self._stale:
            with self._lock:
                self._take_in()
        return self._table

    def reported(self, pool_id: str) -> PoolState | None:
        """Return a pool as it was reported, without claims."""
        with self._lock:
            self.table()
            return self._map.pool(pool_id)

    def set_aside(self) -> tuple[tuple[str, str], ...]:
        """Return the pools and backends whose report could not be used, each with the reason."""
        self.table()
        return self._set_aside

    def closed(self) -> tuple[tuple[str, str], ...]:
        """Return the backends that are closed whatever they report, each with the reason."""
        self.table()
        return tuple(self._map.closed.items())

    def ready(self) -> bool:
        """Return whether every backend that was up at the last table has reported."""
        return not self._map.missing

    # -- services and reports ------------------------------------------------------------------------------------

    def services(self, services: Sequence[ServiceState]) -> None:
        """Set the services, in the order of their registration."""
        with self._lock:
            first = not self._services
            self._services = tuple(services)
            self._walk_due = self._stale = True
            if first:
                self._take_in()

    def report(self, report: CapabilityReport) -> None:
        """Take in a capability report; what cannot be used is set aside with its reason, nothing is raised.

        A report that does not replace the one before is dropped (see `replaces`).
        """
        fit = self._fit(report)
        if fit is None:
            return
        with self._lock:
            old = self._kept(fit.service_name).get(fit.backend_id)
            now = self._clock()
            if replaces(fit.timestamp, None if old is None else old.timestamp, now):
                self._keep(fit)
            elif seconds_ahead(fit.timestamp, now):
                self._stray(fit.backend_id, f"timestamp: {fit.timestamp} lies in the future; fix: set its host's clock")

    def _kept(self, kind: str) -> dict[str, CapabilityReport]:
        return self._backup_reports if kind == "backup" else self._reports

    def _keep(self, report: CapabilityReport) -> None:
        """Store a report in place of the one before."""
        key = report.backend_id
        self._kept(report.service_name)[key] = report
        if report.service_name == "backup":
            return
        self._map.missing.discard(key)
        self._strays.pop(key, None)
        self._pending.arrived(key, report.timestamp)
        if key in self._map.backends:
            self._reported.add(key)
        else:
            self._walk_due = True
        self._stale = True

    def _stray(self, name: str, problem: str) -> None:
        if len(self._strays) < MOST_STRAY_REPORTS or name in self._strays:
            self._strays[name] = problem
            self._strays_due = self._stale = True

    def _fit(self, report: CapabilityReport) -> CapabilityReport | None:
        """Return the report with its time stamp in UTC; None, and its problem noted, if it cannot be assigned."""
        problem = None
        if not isinstance(report.backend_id, str) or not isinstance(report.host, str) or not report.host:
            problem = "host: names no backend; report the service's host as text, like host@backend"
        elif not isinstance(report.timestamp, datetime):
            problem = f"timestamp: {report.timestamp!r:.60} is no time; report one in UTC"
        if problem is not None:
            with self._lock:
                self._stray(f"{report.backend_id!s:.200}", problem)
            return None
        if report.service_name not in KINDS:
            return None
        if report.timestamp.tzinfo is None:
            return report
        return replace(report, timestamp=report.timestamp.astimezone(UTC).replace(tzinfo=None))

    def cordon(self, cordons: Mapping[str, Mapping[str, str]]) -> None:
        """Set the pools that are closed for operations, each with the operator's reason.

        Nothing is computed anew if they are set already.
        """
        with self._lock:
            if cordons == self._cordons:
                return
            either = {*cordons, *self._cordons}
            self._recordoned.update(key for key in either if cordons.get(key) != self._cordons.get(key))
            self._cordons = dict(cordons)
            self._stale = True

    # -- claims --------------------------------------------------------------------------------------------------

    def claimed(self, claim: Claim) -> None:
        """Subtract a claim from the next table. The same claim again changes nothing."""
        with self._lock:
            if claim.confirmed_at is None or not self._knows(claim):
                self._touch(self._pending.add(claim))

    def confirmed(self, key: str, at: datetime) -> None:
        """Confirm a claim at a time of the backend's clock: its later reports count it."""
        with self._lock:
            self._pending.confirm(key, at)

    def released(self, key: str) -> None:
        """Release a claim from the next table on. Room that a report counts as used returns with a later report."""
        with self._lock:
            pool_id = self._pending.remove(key)
            if pool_id is not None:
                self._touch((pool_id,))

    def refresh(self, pool_id: str) -> None:
        """Return at once: nothing changes without a call to this registry."""

    def renew(self) -> bool:
        """Return False: nothing changes without a call to this registry."""
        return False

    def stamps(self) -> Mapping[tuple[str, str], datetime]:
        """Return kind of service and backend id -> the time stamp of the last report."""
        with self._lock:
            kept = (("volume", self._reports), ("backup", self._backup_reports))
            return {(kind, key): report.timestamp for kind, reports in kept for key, report in reports.items()}

    def load(
        self,
        services: Sequence[ServiceState],
        reports: Iterable[CapabilityReport],
        claims: Iterable[Claim] = (),
        cordons: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Take over what a database has stored: it has judged the time stamps, so its reports replace any other.

        `reports`: those that may be new. `claims`: all, except those that the reports count already. `cordons`: pool id
        -> operation -> reason; None: as before. Nothing is computed anew for what has not changed.
        """
        with self._lock:
            for report in reports:
                fit = self._fit(report)
                if fit is not None and self._kept(fit.service_name).get(fit.backend_id) != fit:
                    self._keep(fit)
            if tuple(services) != self._services:
                self.services(services)
            if cordons is not None:
                self.cordon(cordons)
            self.table()
            self._touch(self._pending.replace_all(claim for claim in claims if not self._knows(claim)))

    def _knows(self, claim: Claim) -> bool:
        """Return whether the report that was applied last counts a claim already."""
        backend = self._map.backends.get(backend_of(claim.pool_id))
        applied = backend.applied if backend is not None else None
        return applied is not None and claim.known_to(applied[0].timestamp)

    def _touch(self, pool_ids: Iterable[str]) -> None:
        self._claimed.update(pool_ids)
        self._stale = self._stale or bool(self._claimed)

    # -- the next table ------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        """Make the next table from everything that was stored since the last one."""
        relaid = False
        if self._walk_due or self._reported or self._recordoned or self._strays_due:
            relaid = self._take_in_reports()
        if self._claimed and not relaid:
            self._table = self._table.replace(self._rows_of(self._claimed), only_figures=True)
        self._claimed.clear()
        self._stale = False

    def _take_in_reports(self) -> bool:
        """Apply everything except claims; return whether a new table was made, with the claims subtracted."""
        relaid = False
        reported = self._reported
        others = self._recordoned
        if self._walk_due:
            relaid = self._map.walk(self._services, self._reports)
            reported = set(self._map.backends)
        for key in reported:
            backend = self._map.backends.get(key)
            report = report_for(backend.service, self._reports) if backend is not None else None
            if backend is None or report is None:
                continue
            outcome = backend.apply(report, self._default_ratio, self._clock())
            if outcome is None:
                continue
            relaid = relaid or outcome
            if report.backend_id != key:  # a service of a cluster that reports under its own name
                self._pending.arrived(key, report.timestamp)
            self._pending.settle(key)
            others.update(pool.pool_id for pool in backend.usable())
        if relaid:
            self._lay_out()
        elif others:
            self._table = self._table.replace(self._rows_of(others))
        if self._walk_due or reported or self._strays_due:
            aside = [item for backend in self._map.backends.values() for item in backend.set_aside]
            self._set_aside = (*aside, *self._strays.items())
        self._walk_due = self._strays_due = False
        self._reported = set()
        self._recordoned = set()
        return relaid

    def _lay_out(self) -> None:
        pools = [self._as_it_stands(pool) for each in self._map.backends.values() for pool in each.usable()]
        self._table = PoolTable(pools)

    def _as_it_stands(self, pool: PoolState) -> PoolState:
        """Return the pool as reported, with its claims subtracted and its cordons set."""
        less = self._pending.subtracted(pool)
        cordoned = self._cordons.get(pool.pool_id)
        return less if cordoned is None else replace(less, cordoned=cordoned)

    def _rows_of(self, pool_ids: Iterable[str]) -> dict[int, PoolState]:
        """Return the pools of these ids as they are now, by their row."""
        made = {}
        for pool_id in pool_ids:
            row, pool = self._table.row(pool_id), self._map.pool(pool_id)
            if row is not None and pool is not None:
                made[row] = self._as_it_stands(pool)
        return made

    # -- backups -------------------------------------------------------------------------------------------------

    def backup_hosts(self, zone: str | None = None, driver: str | None = None) -> tuple[str, ...]:
        """Return the hosts whose backup service reported that it works, of a zone and a driver if these are given."""
        with self._lock:
            reports = list(self._backup_reports.items())
        return tuple(key for key, report in reports if _backs_up(report.capabilities, zone, driver))

    def backup_host(self, volume: Mapping[str, Any] | None, zone: str | None, driver: str | None) -> str:
        """Return a host for a backup, the volume's own if the configuration says so. Raises ServiceNotFound.

        The choice among several depends only on the volume's id.
        """
        volume = volume or {}
        zone = zone or volume.get("availability_zone")
        own = host_of(str(volume.get("host") or ""))
        if own and self._backup_use_same_host:
            if self._backup_service_up(own, zone):
                return own
            raise ServiceNotFound("backup", f"none is up on {own}, where the volume is, and no other may do it")
        hosts = self.backup_hosts(zone, driver)
        if not hosts:
            wanted = [f"zone {zone}" if zone else "", f"driver {driver}" if driver else ""]
            raise ServiceNotFound(
                "backup", "none that works has reported" + "".join(f", {word}" for word in wanted if word)
            )
        draw = SeededDraws(str(volume.get("id") or "")).uniform("backup", 1)[0]
        return hosts[int(np.floor(draw * len(hosts)))]

    def _backup_service_up(self, host: str, zone: str | None) -> bool:
        return any(
            service.kind == "backup"
            and service.host == host
            and service.up
            and not service.disabled
            and (not zone or service.zone == zone)
            for service in self._services
        )


def _backs_up(capabilities: Any, zone: str | None, driver: str | None) -> bool:
    return (
        isinstance(capabilities, Mapping)
        and bool(capabilities.get("backend_state"))
        and (not driver or capabilities.get("driver_name") == driver)
        and (not zone or capabilities.get("availability_zone") == zone)
    )
