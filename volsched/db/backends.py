"""Backends and their pools: what they reported last, and what the operator decided about them."""

from __future__ import annotations

import math
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
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.request import Operation

VOLUME = "volume"
#: A service that has not been heard of for so long is taken for down.
DOWN_AFTER_SECONDS = 60.0
#: Clocks may differ by so much. A report from further in the future has a time stamp that means nothing: nobody could
#: tell which claims it knows, and until its time came no true report would be taken for newer.
MOST_AHEAD_SECONDS = 900.0
#: Ids in one statement: SQLite takes a limited number of parameters.
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon:
    """A kind of operation that a pool is closed for."""

    operation: Operation
    reason: str = ""
    until: datetime | None = None  # None: until it is lifted

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRecord:
    """A pool as its row has it. Figures are GiB; None: unbounded or not known."""

    pool_id: str
    backend_id: str
    name: str
    present: bool  # whether the last report had it, in usable form
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
    pending_gb: float  # claimed, and not yet in a report
    generation: int
    reported_at: datetime | None
    cordons: tuple[Cordon, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRecord:
    """A backend as its row has it, with its pools."""

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
    problems: tuple[tuple[str, str], ...] = ()  # what of its report was set aside, and why
    pools: tuple[PoolRecord, ...] = ()


class Backends:
    """The storage backends that were ever heard of."""

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

    def record(self, report: CapabilityReport, parsed: ParsedReport) -> bool:
        """Take in a report: the room in its pools, less the claims that it cannot know.

        False, and nothing taken in, where it is not newer than the last one, or is from the future. A pool that is not
        among `parsed.pools` any more gets no claims until it is reported again.
        """
        applied = self._database.run(
            lambda connection: _record(connection, report, parsed, self._database.now(connection))
        )
        self._observer.report_stored(applied=applied, set_aside=len(parsed.set_aside))
        return applied

    def heartbeat(
        self, host: str, *, cluster_name: str | None = None, zone: str | None = None, kind: str = VOLUME
    ) -> None:
        """The service on `host` is alive. `zone` None: as before. What the operator decided about it stays."""

        def write(connection: Connection) -> None:
            backend = _touched(connection, kind, host, cluster_name, self._database.now(connection))
            if zone is not None and backend.zone != zone:
                connection.execute(sa.update(backends).where(backends.c.id == backend.id).values(zone=zone))

        self._database.run(write)

    def services(self) -> Sequence[ServiceState]:
        """Every service, as the registry of pools wants it."""

        def look(connection: Connection) -> Sequence[ServiceState]:
            alive_since = self._database.now(connection) - self._down_after
            return [
                ServiceState(
                    host=row.host,
                    cluster_name=row.cluster_name,
                    zone=row.zone,
                    disabled=row.disabled,
                    frozen=row.frozen,
                    up=_is_up(row, alive_since),
                    kind=row.kind,
                    disabled_reason=row.disabled_reason,
                )
                for row in connection.execute(_SERVICES)
            ]

        return self._database.read(look)

    def reports(self, known: Mapping[tuple[str, str], datetime] = MappingProxyType({})) -> Sequence[CapabilityReport]:
        """The last report of each backend that was taken in, as it arrived.

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
        """All of them, by id, each with its pools."""
        return self._all(sa.true())

    def show(self, backend_id: str, *, kind: str = VOLUME) -> BackendRecord:
        """Raises BackendNotFound."""
        found = self._all(backends.c.id == _key(kind, backend_id))
        if not found:
            raise BackendNotFound(backend_id)
        return found[0]

    def pools(self) -> Sequence[PoolRecord]:
        """All pools, by id."""
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
        """Pool id -> operation -> reason, of all that is closed now: a cordon whose time is over counts no longer."""

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
        """Close a pool for kinds of operations. Raises PoolNotFound."""
        added = {operation: Cordon(operation=operation, reason=reason, until=until) for operation in operations}
        self._change_cordons(pool_id, lambda before: {**before, **added})

    def uncordon(self, pool_id: str, operations: Iterable[Operation] = tuple(Operation)) -> None:
        """Open it again. Raises PoolNotFound."""
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
            return [_backend(row, of[row.id], now - self._down_after) for row in found]

        return self._database.read(look)


def _is_up(row: Row[Any], alive_since: datetime) -> bool:
    return row.heartbeat_at is not None and row.heartbeat_at >= alive_since


# What every scheduler reads again and again: no more than it needs of each row.
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
    """A volume and a backup service may share a host's name."""
    return backend_id if kind == VOLUME else f"{kind}:{backend_id}"


def _record(connection: Connection, report: CapabilityReport, parsed: ParsedReport, now: datetime) -> bool:
    backend = _touched(connection, report.service_name, report.host, report.cluster_name, now)
    if backend.reported_at is not None and report.timestamp <= backend.reported_at:
        return False
    ahead = (report.timestamp - now).total_seconds()
    if ahead > MOST_AHEAD_SECONDS:
        why = f"its last report is from {ahead:.0f} s in the future and was not taken in; set its clock right"
        problems = [[report.backend_id, why]]
        connection.execute(sa.update(backends).where(backends.c.id == backend.id).values(problems=problems))
        return False
    known = connection.execute(sa.select(pools.c.id).where(pools.c.backend_id == backend.id)).scalars().all()
    reported = {pool.pool_id: pool for pool in parsed.pools}
    pool_room.lock(connection, [*known, *reported])
    gone = sorted(set(known) - set(reported))
    if gone:
        connection.execute(sa.update(pools).where(pools.c.id.in_(gone)).values(present=False))
    for pool_id in sorted(reported):
        _put(connection, backend.id, reported[pool_id], report.timestamp)
    pool_room.recount(connection, reported)
    connection.execute(
        sa.update(backends)
        .where(backends.c.id == backend.id)
        .values(
            report=report.capabilities,
            reported_at=report.timestamp,
            received_at=now,
            problems=[list(problem) for problem in parsed.set_aside],
        )
    )
    return True


def _touched(connection: Connection, kind: str, host: str, cluster_name: str | None, now: datetime) -> Row[Any]:
    """The backend's row, made or brought up to date, and held until this transaction ends."""
    key = _key(kind, cluster_name or host)
    statement = sa.select(backends).where(backends.c.id == key).with_for_update(key_share=True)
    heard = {"host": host, "cluster_name": cluster_name, "heartbeat_at": now}
    row = connection.execute(statement).first()
    if row is not None:
        connection.execute(sa.update(backends).where(backends.c.id == key).values(**heard))
        return row
    connection.execute(
        sa.insert(backends).values(id=key, kind=kind, **heard, disabled=False, frozen=False, problems=[])
    )
    return connection.execute(statement).one()


def _put(connection: Connection, backend_key: str, pool: PoolState, reported_at: datetime) -> None:
    """What a pool reported, into its row, which is locked or new."""
    values = {
        "backend_id": backend_key,
        "name": pool.name,
        "present": True,
        "zone": pool.zone,
        "total_gb": _finite(pool.total_gb),
        "free_gb": _finite(pool.free_gb),
        "allocated_gb": _finite(pool.allocated_gb),
        "provisioned_gb": _finite(pool.provisioned_gb),
        "reserved_percentage": _finite(pool.reserved_percentage),
        "max_over_subscription_ratio": _finite(pool.max_over_subscription_ratio),
        "thin": pool.thin,
        "room_thin_gb": _finite(ROOM_THIN_GB.read(pool)),
        "room_thick_gb": _finite(ROOM_THICK_GB.read(pool)),
        "reported_at": reported_at,
    }
    known = sa.update(pools).where(pools.c.id == pool.pool_id).values(**values)
    if connection.execute(known).rowcount == 0:
        new = {"id": pool.pool_id, "pending_gb": 0.0, "generation": 0, "cordons": []}
        connection.execute(sa.insert(pools).values(**new, **values))


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


def _backend(row: Row[Any], of: Sequence[PoolRecord], alive_since: datetime) -> BackendRecord:
    return BackendRecord(
        backend_id=row.cluster_name or row.host,
        kind=row.kind,
        host=row.host,
        cluster_name=row.cluster_name,
        zone=row.zone,
        up=_is_up(row, alive_since),
        disabled=row.disabled,
        disabled_reason=row.disabled_reason,
        frozen=row.frozen,
        heartbeat_at=row.heartbeat_at,
        reported_at=row.reported_at,
        received_at=row.received_at,
        problems=tuple((what, why) for what, why in row.problems),
        pools=tuple(of),
    )
