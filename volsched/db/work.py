"""Work: done once, never lost, one piece of a volume at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from volsched.db import groups, outbox, pool_room, quotas, records, snapshots, volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import work
from volsched.exceptions import LeaseLost
from volsched.model.event import Event
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.work import Lease, Outcome, RowChange, Starting, WorkItem, WorkRequest, WorkState

#: Rows beside the volume's own that work changes, by kind.
ROWS: Mapping[str, Callable[[Connection, RowChange], None]] = MappingProxyType(
    {"group": groups.put, "snapshot": snapshots.put}
)
#: The most work items that `take` tries: other processes take the first ones meanwhile.
CANDIDATES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRecord:
    """A work item as it is stored."""

    id: str
    queue: str
    operation: str
    volume_id: str | None
    payload: Mapping[str, Any]
    state: WorkState
    owner: str | None
    lease_until: datetime | None
    attempt: int
    problem: str | None
    created_at: datetime
    finished_at: datetime | None


class WorkQueue:
    """Work items, taken under leases. A port: WorkStore.

    The items of a queue are taken in the order in which they were added; those of one volume one at a time and in the
    same order, whatever their queues.
    """

    def __init__(self, database: Database, observer: Observer = NO_OBSERVER) -> None:
        self._database = database
        self._observer = observer

    def add(self, work: WorkRequest) -> None:
        """Queue work; the same id again is ignored."""
        self._database.run(lambda connection: work_rows.queue(connection, [work], self._database.now(connection)))

    def take(
        self, queues: Sequence[str], owner: str, lease_seconds: float, starting: Starting | None = None
    ) -> WorkItem | None:
        """Return the oldest work item that is queued or whose lease expired, now under a lease of this owner.

        The events that `starting` returns are stored in the same transaction.
        """

        def write(connection: Connection) -> WorkItem | None:
            taken = self._take_first(connection, found, owner, lease_seconds)
            if taken is not None and starting is not None:
                events[:] = starting(taken)
                outbox.add(connection, events, self._database.now(connection))
            return taken

        events: list[Event] = []
        self._observer.work_wanted()
        found = self._database.read(
            lambda connection: connection.execute(
                _CANDIDATES, {"queues": list(queues), "now": self._database.now(connection)}
            ).all()
        )
        if not found:
            return None
        try:
            taken = self._database.run(write)
        except IntegrityError:
            return None  # another process takes work of the same volume: the next poll finds this one
        if taken is not None:
            self._observer.work_taken(taken)
            self._observer.events_stored(events)
        return taken

    def _take_first(
        self, connection: Connection, found: Sequence[Row[Any]], owner: str, lease_seconds: float
    ) -> WorkItem | None:
        now = self._database.now(connection)
        until = now + timedelta(seconds=lease_seconds)
        for row in found:
            as_found = {"the_seq": row.seq, "the_attempt": row.attempt, "the_state": row.state, "now": now}
            if self._database.skips_locked and connection.execute(_HOLD, as_found).first() is None:
                continue
            lease = Lease(work_id=row.id, owner=owner, attempt=row.attempt + 1, until=until)
            new = {"busy": row.volume_id, "new_owner": owner, "until": until, "new_attempt": lease.attempt}
            if connection.execute(_TAKE, {**as_found, **new}).rowcount == 1:
                return WorkItem(
                    id=row.id,
                    queue=row.queue,
                    operation=row.operation,
                    volume_id=row.volume_id,
                    payload=connection.execute(_PAYLOAD, {"the_seq": row.seq}).scalar_one(),
                    lease=lease,
                    taken_over=row.state == WorkState.RUNNING.value,
                )
        return None

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        """Return the lease with its new end. Raises LeaseLost."""

        def write(connection: Connection) -> Lease:
            until = self._database.now(connection) + timedelta(seconds=lease_seconds)
            held = connection.execute(sa.update(work).where(work_rows.held_by(lease)).values(lease_until=until))
            if held.rowcount != 1:
                raise LeaseLost(lease.work_id)
            return replace(lease, until=until)

        return self._database.run(write)

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """End the work item and store its whole outcome in one transaction; state QUEUED: put it back.

        The same again is harmless. Raises LeaseLost.
        """
        self._database.run(lambda connection: _finish(connection, lease, outcome, self._database.now(connection)))
        self._observer.events_stored(outcome.events)
        self._observer.work_finished(lease, outcome)

    def expire(self, owner: str) -> int:
        """End the leases of an owner that is known to be dead; return their number."""

        def write(connection: Connection) -> int:
            return connection.execute(
                sa.update(work)
                .where(work.c.owner == owner, work.c.state == WorkState.RUNNING.value)
                .values(lease_until=self._database.now(connection))
            ).rowcount

        return self._database.run(write)

    def owners(self) -> Sequence[str]:
        """Return the owners of leases, also of expired ones."""
        statement = sa.select(work.c.owner).where(work.c.state == WorkState.RUNNING.value).distinct()
        return self._database.read(
            lambda connection: [owner for owner in connection.execute(statement).scalars() if owner]
        )

    def waiting(self, volume_id: str) -> Sequence[WorkRecord]:
        """Return the unfinished work items of a volume, in their order."""
        return self._select(work.c.volume_id == volume_id, work.c.state.in_(work_rows.UNFINISHED))

    def of(self, volume_id: str) -> Sequence[WorkRecord]:
        """Return all work items of a volume, in their order."""
        return self._select(work.c.volume_id == volume_id)

    def unfinished(self) -> Sequence[WorkRecord]:
        """Return all unfinished work items, oldest first."""
        return self._select(work.c.state.in_(work_rows.UNFINISHED))

    def lengths(self) -> Mapping[str, int]:
        """Return queue -> number of unfinished work items."""
        statement = (
            sa.select(work.c.queue, sa.func.count())
            .where(work.c.state.in_(work_rows.UNFINISHED))
            .group_by(work.c.queue)
        )
        return self._database.read(
            lambda connection: {queue: int(count) for queue, count in connection.execute(statement)}
        )

    def purge(self, *, before: datetime) -> int:
        """Delete work items that were finished before this time; return their number."""
        statement = sa.delete(work).where(work.c.finished_at < before)
        return self._database.run(lambda connection: connection.execute(statement).rowcount)

    def _select(self, *which: sa.ColumnElement[bool]) -> Sequence[WorkRecord]:
        statement = sa.select(work).where(*which).order_by(work.c.seq)
        return self._database.read(lambda connection: [_record(row) for row in connection.execute(statement)])


def _candidates() -> sa.Select[Any]:
    """Return a statement that selects the work items that may be taken, oldest first."""
    other = work.alias("other")
    queued = WorkState.QUEUED.value
    running = WorkState.RUNNING.value
    behind_another = sa.exists().where(
        other.c.volume_id == work.c.volume_id,
        sa.or_(other.c.state == running, sa.and_(other.c.state == queued, other.c.seq < work.c.seq)),
    )
    return (
        sa.select(work.c.seq, work.c.id, work.c.queue, work.c.operation, work.c.volume_id, work.c.attempt, work.c.state)
        .where(
            work.c.queue.in_(sa.bindparam("queues", expanding=True)),
            sa.or_(
                sa.and_(work.c.state == queued, sa.not_(behind_another)),
                sa.and_(work.c.state == running, work.c.lease_until <= sa.bindparam("now")),
            ),
        )
        .order_by(work.c.seq)
        .limit(CANDIDATES)
    )


# Built once: building a statement takes ten times as long as executing it.
_CANDIDATES = _candidates()
_AS_FOUND = sa.and_(
    work.c.seq == sa.bindparam("the_seq"),
    work.c.attempt == sa.bindparam("the_attempt"),
    work.c.state == sa.bindparam("the_state"),
    sa.or_(work.c.state == WorkState.QUEUED.value, work.c.lease_until <= sa.bindparam("now")),
)
_HOLD = sa.select(work.c.seq).where(_AS_FOUND).with_for_update(skip_locked=True)
_TAKE = (
    sa.update(work)
    .where(_AS_FOUND)
    .values(
        state=WorkState.RUNNING.value,
        busy_volume_id=sa.bindparam("busy"),
        owner=sa.bindparam("new_owner"),
        lease_until=sa.bindparam("until"),
        attempt=sa.bindparam("new_attempt"),
    )
)
_PAYLOAD = sa.select(work.c.payload).where(work.c.seq == sa.bindparam("the_seq"))


def _finish(connection: Connection, lease: Lease, outcome: Outcome, now: datetime) -> None:
    """Lock rows in the order work, pools, volume, as every transaction does, so that no deadlock is possible."""
    if not work_rows.end(connection, lease, outcome.state, now, problem=outcome.problem):
        return
    _lock_pools(connection, outcome)
    pool_room.confirm(connection, outcome.confirm, outcome.confirmed_at, now, outcome.sizes)
    pool_room.release(connection, outcome.release)
    if outcome.volume_id is not None and outcome.left_pool is not None:
        pool_room.release_in(connection, outcome.volume_id, outcome.left_pool)
    for row in outcome.rows:
        ROWS[row.kind](connection, row)
    if outcome.volume_id is not None and outcome.remove_volume:
        volume_rows.remove(connection, outcome.volume_id)
    elif outcome.volume_id is not None and outcome.volume_changes:
        volume_rows.change(connection, outcome.volume_id, outcome.volume_changes, now)
    for reservation in (outcome.commit_reservation, outcome.cancel_reservation):
        if reservation is not None:
            quotas.end(connection, reservation)
    if outcome.message is not None:
        message_id = derived_id("message", lease.work_id, lease.attempt)
        records.add_message(connection, message_id, outcome.message, now=now)
    outbox.add(connection, outcome.events, now)
    work_rows.queue(connection, outcome.follow_up, now)


def _lock_pools(connection: Connection, outcome: Outcome) -> None:
    """Lock all pools that this changes at once and in order: volumes may be moving in opposite directions."""
    affected = pool_room.pools_of(
        connection, (*outcome.confirm, *outcome.release), outcome.volume_id if outcome.remove_volume else None
    )
    pool_room.lock(connection, affected if outcome.left_pool is None else [*affected, outcome.left_pool])


def _record(row: Row[Any]) -> WorkRecord:
    values = dict(row._mapping)
    del values["seq"], values["busy_volume_id"]
    return WorkRecord(**{**values, "state": WorkState(values["state"])})
