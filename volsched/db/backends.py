"""Backends and their pools: their last reports, and what the operator set for them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db import pool_room
from volsched.db.database import Database
from volsched.db.schema import backends, pools
from volsched.exceptions import BackendNotFound, PoolNotFound
from volsched.model.columns import ROOM_THICK_GB, ROOM_THIN_GB
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.parsing import ParsedReport
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport, ServiceState, replaces, seconds_ahead
from volsched.model.request import Operation

VOLUME = "volume"
#: A service without a heartbeat for this time is down.
DOWN_AFTER_SECONDS = 60.0
#: The most ids in one statement: SQLite accepts a limited number of parameters.
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """An operation for which the operator closed a pool."""

    operation: Operation
    reason: str = ""
    until: datetime | None = None  # None: until it is removed

    def holds(self, now: datetime) -> bool:
        """Return whether it applies."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRecord:
    """A pool as it is stored. Sizes are GiB; None: unbounded or not reported."""

    pool_id: str
    backend_id: str
    name: str
    present: bool  # whether the last report contained it, in usable form
    zone: str | None
    total_gb: float | None
    free_gb: float | None
    allocated_gb: float | None
    provisioned_gb: float | None
    reserved_percentage: float | None
    max_over_subscription_ratio: float | None
    thin: bool
    room_thin_gb: float | None  # None: unbounded
    room_thick_gb: float | None
    pending_gb: float  # claimed, and not counted in a report yet
    reported_at: datetime | None
    cordons: tuple[Cordon, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRecord:
    """A backend as it is stored, with its pools."""

    backend_id: str
    kind: str  # volume or backup
    host: str
    cluster_name: str | None
    zone: str | None
    up: bool
    disabled: bool
    disabled_reason: str | None
    frozen: bool
    heartbeat_at: datetime | None
    reported_at: datetime | None  # by its own clock
    received_at: datetime | None  # by ours
    problems: tuple[tuple[str, str], ...] = ()  # parts of its report that were set aside, with the reason
    pools: tuple[PoolRecord, ...] = ()


class Backends:
    """Backends and pools as rows."""

    def __init__(
        self,
        database: Database,
        *,
        down_after_seconds: float = DOWN_AFTER_SECONDS,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self._database = database
        self._observer = observer
        self._down_after = timedelta(seconds=down_after_seconds)

    def record(
        self, report: CapabilityReport, parsed: ParsedReport, *, zone: str | None = None, begun: float | None = None
    ) -> bool:
        """Store a report, the room in its pools and the heartbeat of its service, in one transaction.

        Return False, and store only the heartbeat, if its time stamp does not replace the stored one (see `replaces`).
        A pool that is missing in `parsed.pools` gets no claims until it is reported again. `begun`: what
        `time.monotonic()` returned before the backend was measured; the time stamp is then taken from the database's
        clock, whatever the clock of this host says. `zone` None: as stored.
        """
        applied = self._database.run(
            lambda connection: _record(connection, report, parsed, self._database.now(connection), zone, begun)
        )
        self._observer.report_stored(applied=applied, set_aside=len(parsed.set_aside))
        return applied

    def heartbeat(
        self, host: str, *, cluster_name: str | None = None, zone: str | None = None, kind: str = VOLUME
    ) -> None:
        """Store that the service on `host` is alive. `zone` None: as stored."""

        def write(connection: Connection) -> None:
            alive = {"host": host, "cluster_name": cluster_name, "heartbeat_at": self._database.now(connection)}
            key = _key(kind, cluster_name or host)
            _write(connection, key, kind, _locked(connection, key), _with_zone(alive, zone))

        self._database.run(write)

    def services(self) -> Sequence[ServiceState]:
        """Return the state of every service."""

        def look(connection: Connection) -> Sequence[ServiceState]:
            now = self._database.now(connection)
            return [
                ServiceState(
                    host=row.host,
                    cluster_name=row.cluster_name,
                    zone=row.zone,
                    disabled=row.disabled,
                    frozen=row.frozen,
                    up=_is_up(row, now, self._down_after),
                    kind=row.kind,
                    disabled_reason=row.disabled_reason,
                )
                for row in connection.execute(_SERVICES)
            ]

        return self._database.read(look)

    def reports(self, known: Mapping[tuple[str, str], datetime] = MappingProxyType({})) -> Sequence[CapabilityReport]:
        """Return the last stored report of each backend, as it was received.

        Without those that are `known`: kind of service and backend id -> the time stamp of the report.
        """

        def look(connection: Connection) -> Sequence[Row[Any]]:
            stamps = connection.execute(_STAMPS).all()
            held = {row.id: known.get((row.kind, row.cluster_name or row.host)) for row in stamps}
            unknown = [row.id for row in stamps if held[row.id] != row.reported_at]
            found: list[Row[Any]] = []
            for start in range(0, len(unknown), MOST_AT_ONCE):
                found.extend(connection.execute(_REPORTS, {"ids": unknown[start : start + MOST_AT_ONCE]}).all())
            return found

        rows = self._database.read(look)
        return [
            CapabilityReport(
                service_name=row.kind,
                host=row.host,
                capabilities=row.report,
                timestamp=row.reported_at,
                cluster_name=row.cluster_name,
            )
            for row in rows
        ]

    def list(self) -> Sequence[BackendRecord]:
        """Return all backends, by id, each with its pools."""
        return self._all(sa.true())

    def show(self, backend_id: str, *, kind: str = VOLUME) -> BackendRecord:
        """Raises BackendNotFound."""
        found = self._all(backends.c.id == _key(kind, backend_id))
        if not found:
            raise BackendNotFound(backend_id)
        return found[0]

    def pools(self) -> Sequence[PoolRecord]:
        """Return all pools, by id."""
        statement = sa.select(pools).order_by(pools.c.id)
        return self._database.read(lambda connection: [_pool(row) for row in connection.execute(statement)])

    def pool(self, pool_id: str) -> PoolRecord:
        """Raises PoolNotFound."""
        statement = sa.select(pools).where(pools.c.id == pool_id)
        row = self._database.read(lambda connection: connection.execute(statement).first())
        if row is None:
            raise PoolNotFound(pool_id)
        return _pool(row)

    def cordons(self) -> Mapping[str, Mapping[str, str]]:
        """Return pool id -> operation -> reason of the cordons that apply now."""

        def look(connection: Connection) -> Mapping[str, Mapping[str, str]]:
            now = self._database.now(connection)
            rows = connection.execute(_CORDONED).all()
            closed = {
                row.id: {cordon.operation.value: cordon.reason for cordon in _cordons(row.cordons) if cordon.holds(now)}
                for row in rows
                if row.cordons
            }
            return {pool_id: operations for pool_id, operations in closed.items() if operations}

        return self._database.read(look)

    def set_disabled(self, backend_id: str, disabled: bool, reason: str | None = None) -> None:
        """Raises BackendNotFound."""
        self._decide(backend_id, {"disabled": disabled, "disabled_reason": reason if disabled else None})

    def set_frozen(self, backend_id: str, frozen: bool) -> None:
        """Raises BackendNotFound."""
        self._decide(backend_id, {"frozen": frozen})

    def cordon(
        self,
        pool_id: str,
        operations: Iterable[Operation],
        *,
        reason: str = "",
        until: datetime | None = None,
    ) -> None:
        """Close a pool for operations. Raises PoolNotFound."""
        added = {operation: Cordon(operation=operation, reason=reason, until=until) for operation in operations}
        self._change_cordons(pool_id, lambda before: {**before, **added})

    def uncordon(self, pool_id: str, operations: Iterable[Operation] = tuple(Operation)) -> None:
        """Open a pool again. Raises PoolNotFound."""
        lifted = set(operations)
        self._change_cordons(
            pool_id, lambda before: {key: cordon for key, cordon in before.items() if key not in lifted}
        )

    def _change_cordons(self, pool_id: str, change: Any) -> None:
        def write(connection: Connection) -> bool:
            statement = sa.select(pools).where(pools.c.id == pool_id).with_for_update(key_share=True)
            row = connection.execute(statement).first()
            if row is None:
                return False
            after = change({cordon.operation: cordon for cordon in _pool(row).cordons})
            connection.execute(sa.update(pools).where(pools.c.id == pool_id).values(cordons=list(after.values())))
            return True

        if not self._database.run(write):
            raise PoolNotFound(pool_id)

    def _decide(self, backend_id: str, values: dict[str, Any]) -> None:
        statement = sa.update(backends).where(backends.c.id == backend_id).values(**values)
        if self._database.run(lambda connection: connection.execute(statement).rowcount) != 1:
            raise BackendNotFound(backend_id)

    def _all(self, which: sa.ColumnElement[bool]) -> Sequence[BackendRecord]:
        def look(connection: Connection) -> Sequence[BackendRecord]:
            now = self._database.now(connection)
            found = connection.execute(sa.select(backends).where(which).order_by(backends.c.id)).all()
            of: dict[str, list[PoolRecord]] = {row.id: [] for row in found}
            for row in connection.execute(sa.select(pools).order_by(pools.c.id)):
                if row.backend_id in of:
                    of[row.backend_id].append(_pool(row))
            return [_backend(row, of[row.id], _is_up(row, now, self._down_after)) for row in found]

        return self._database.read(look)


def _is_up(row: Row[Any], now: datetime, down_after: timedelta) -> bool:
    """Return whether the last heartbeat is recent. One from the future (a clock was set back) proves nothing."""
    at = row.heartbeat_at
    return at is not None and at >= now - down_after and not seconds_ahead(at, now)


# Every scheduler executes these at each refresh: they select only the columns it needs.
_SERVICES: sa.Select[Any] = sa.select(
    *(backends.c[name] for name in ("kind", "host", "cluster_name", "zone", "disabled", "disabled_reason", "frozen")),
    backends.c.heartbeat_at,
).order_by(backends.c.id)
_STAMPS = sa.select(
    backends.c.id, backends.c.kind, backends.c.host, backends.c.cluster_name, backends.c.reported_at
).where(backends.c.reported_at.is_not(None))
_REPORTS: sa.Select[Any] = (
    sa.select(backends).where(backends.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(backends.c.id)
)
_CORDONED = sa.select(pools.c.id, pools.c.cordons).where(sa.type_coerce(pools.c.cordons, sa.Text) != "[]")


def _key(kind: str, backend_id: str) -> str:
    """Return the id of a row: a volume service and a backup service may have the same host."""
    return backend_id if kind == VOLUME else f"{kind}:{backend_id}"


def _record(
    connection: Connection,
    report: CapabilityReport,
    parsed: ParsedReport,
    now: datetime,
    zone: str | None,
    begun: float | None,
) -> bool:
    stamp = report.timestamp if begun is None else now - timedelta(seconds=time.monotonic() - begun)
    kind, key = report.service_name, _key(report.service_name, report.backend_id)
    stored = _locked(connection, key)
    alive = _with_zone({"host": report.host, "cluster_name": report.cluster_name, "heartbeat_at": now}, zone)
    reported_at = None if stored is None else stored.reported_at
    if not replaces(stamp, reported_at, now):
        ahead = seconds_ahead(stamp, now)
        if ahead:
            why = f"its last report is from {ahead:.0f} s in the future and was ignored; fix: set the clock of its host"
            alive["problems"] = [[report.backend_id, why]]
        _write(connection, key, kind, stored, alive)
        return False
    received = {
        "report": report.capabilities,
        "reported_at": stamp,
        "received_at": now,
        "problems": [list(problem) for problem in parsed.set_aside],
    }
    _write(connection, key, kind, stored, {**alive, **received})
    known = set(connection.execute(_LOCK_POOLS, {"backend": key}).scalars()) if stored is not None else set()
    if reported_at is not None and reported_at > now:
        pool_room.confirm_from_the_future(connection, known, now)
    in_zone = zone if zone is not None or stored is None else stored.zone
    reported = {pool.pool_id: _values(pool, key, in_zone, stamp) for pool in parsed.pools}
    gone = sorted(known.difference(reported))
    if gone:
        connection.execute(sa.update(pools).where(pools.c.id.in_(gone)).values(present=False))
    for statement, ids in (
        (_UPDATE_POOL, sorted(known.intersection(reported))),
        (_INSERT_POOL, sorted(reported.keys() - known)),
    ):
        if ids:
            connection.execute(statement, [reported[pool_id] for pool_id in ids])
    return True


def _with_zone(values: dict[str, Any], zone: str | None) -> dict[str, Any]:
    return values if zone is None else {**values, "zone": zone}


def _locked(connection: Connection, key: str) -> Row[Any] | None:
    """Return the backend's row without its report, locked until this transaction ends."""
    row: Row[Any] | None = connection.execute(_LOCK_BACKEND, {"backend": key}).first()
    return row


def _write(connection: Connection, key: str, kind: str, stored: Row[Any] | None, values: dict[str, Any]) -> None:
    """Change the locked row of a backend, or make it."""
    if stored is not None:
        connection.execute(sa.update(backends).where(backends.c.id == key).values(**values))
        return
    new = {"id": key, "kind": kind, "disabled": False, "frozen": False, "problems": []}
    connection.execute(sa.insert(backends).values(**{**new, **values}))


# Built once: building a statement takes ten times as long as executing it.
_LOCK_BACKEND: sa.Select[Any] = (
    sa.select(backends.c.id, backends.c.zone, backends.c.reported_at)
    .where(backends.c.id == sa.bindparam("backend"))
    .with_for_update(key_share=True)
)
_LOCK_POOLS = (
    sa.select(pools.c.id)
    .where(pools.c.backend_id == sa.bindparam("backend"))
    .order_by(pools.c.id)
    .with_for_update(key_share=True)
)
_REPORTED = (
    *("backend_id", "name", "present", "zone", "total_gb", "free_gb", "allocated_gb", "provisioned_gb"),
    *("reserved_percentage", "max_over_subscription_ratio", "thin", "room_thin_gb", "room_thick_gb", "reported_at"),
)
_NEW = {name: sa.bindparam(f"new_{name}", type_=pools.c[name].type) for name in _REPORTED}
_UPDATE_POOL = (
    sa.update(pools)
    .where(pools.c.id == sa.bindparam("new_id"))
    .values(**_NEW, pending_gb=pool_room.pending(_NEW["reported_at"]))
)
_INSERT_POOL = sa.insert(pools).values(
    id=sa.bindparam("new_id", type_=pools.c.id.type), **_NEW, pending_gb=0.0, cordons=[]
)


def _values(pool: PoolState, backend_key: str, zone: str | None, reported_at: datetime) -> dict[str, Any]:
    """Return the parameters of _UPDATE_POOL and _INSERT_POOL."""
    return {
        "new_id": pool.pool_id,
        "new_backend_id": backend_key,
        "new_name": pool.name,
        "new_present": True,
        "new_zone": zone,
        "new_total_gb": _finite(pool.total_gb),
        "new_free_gb": _finite(pool.free_gb),
        "new_allocated_gb": _finite(pool.allocated_gb),
        "new_provisioned_gb": _finite(pool.provisioned_gb),
        "new_reserved_percentage": _finite(pool.reserved_percentage),
        "new_max_over_subscription_ratio": _finite(pool.max_over_subscription_ratio),
        "new_thin": pool.thin,
        "new_room_thin_gb": _finite(ROOM_THIN_GB.read(pool)),
        "new_room_thick_gb": _finite(ROOM_THICK_GB.read(pool)),
        "new_reported_at": reported_at,
    }


def _finite(figure: float) -> float | None:
    return float(figure) if math.isfinite(figure) else None


def _pool(row: Row[Any]) -> PoolRecord:
    values = dict(row._mapping)
    cordons = _cordons(values.pop("cordons"))
    return PoolRecord(pool_id=values.pop("id"), cordons=cordons, **values)


def _cordons(kept: Iterable[Mapping[str, Any]]) -> tuple[Cordon, ...]:
    return tuple(
        Cordon(
            operation=Operation(cordon["operation"]),
            reason=cordon["reason"],
            until=None if cordon["until"] is None else datetime.fromisoformat(cordon["until"]),
        )
        for cordon in kept
    )


def _backend(row: Row[Any], of: Sequence[PoolRecord], up: bool) -> BackendRecord:
    return BackendRecord(
        backend_id=row.cluster_name or row.host,
        kind=row.kind,
        host=row.host,
        cluster_name=row.cluster_name,
        zone=row.zone,
        up=up,
        disabled=row.disabled,
        disabled_reason=row.disabled_reason,
        frozen=row.frozen,
        heartbeat_at=row.heartbeat_at,
        reported_at=row.reported_at,
        received_at=row.received_at,
        problems=tuple((what, why) for what, why in row.problems),
        pools=tuple(of),
    )
