"""The outbox: events, stored in the transaction that they are about, and their delivery to each notifier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db.database import Database
from volsched.db.schema import deliveries, events, notifiers, unless_there
from volsched.model.event import DueEvent, Event
from volsched.model.observer import NO_OBSERVER, Observer

WAITING = "waiting"
DELIVERED = "delivered"
PARKED = "parked"

#: Open events are read in pages of this many rows.
PAGE = 200
#: A notifier that no process has expected for this time counts as removed, and events no longer wait for it.
FORGOTTEN = timedelta(days=1)


class Outbox:
    """Events that are to be delivered. Ports: OutboxStore, EventSink."""

    def __init__(self, database: Database, observer: Observer = NO_OBSERVER) -> None:
        self._database = database
        self._observer = observer

    def emit(self, event: Event) -> None:
        """Store an event for delivery; the same id again is ignored."""
        self._database.run(lambda connection: add(connection, [event], self._database.now(connection)))
        self._observer.events_stored((event,))

    def expect(self, notifiers: Iterable[str]) -> None:
        """Keep every event from now on until each of these notifiers has received it."""

        def write(connection: Connection) -> None:
            now = self._database.now(connection)
            for name in sorted(set(notifiers)):
                _alone(connection, name, now)

        self._database.run(write)

    def due(self, notifier: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[DueEvent]:
        """Return the events that are due for this notifier, oldest first, now held by this owner until the lease ends.

        While an event waits for its next try, or another owner holds it, the later events of the same volume wait too.
        A parked event delays no other.
        """

        def look(connection: Connection) -> bool:
            return bool(_first_due(connection, notifier, owner, 1, self._database.now(connection)))

        def hold(connection: Connection) -> Sequence[DueEvent]:
            now = self._database.now(connection)
            _alone(connection, notifier, now)
            found = _first_due(connection, notifier, owner, limit, now)
            for row in found:
                held = {"owner": owner, "held_until": now + timedelta(seconds=lease_seconds)}
                _settle(connection, row.seq, notifier, held)
            return [DueEvent(event=Event.parse(row.payload), tries=row.attempts or 0) for row in found]

        # Usually nothing is due, which a transaction without locks shows.
        return self._database.run(hold) if self._database.read(look) else []

    def delivered(self, notifier: str, *event_ids: str) -> None:
        """Mark events as delivered to a notifier; again is harmless."""

        def write(connection: Connection) -> None:
            for event_id in event_ids:
                seq = _seq_of(connection, event_id)
                if seq is not None:
                    _settle(connection, seq, notifier, {"state": DELIVERED, "owner": None, "held_until": None})
                    _close(connection, seq, self._database.now(connection))

        self._database.run(write)

    def failed(self, notifier: str, event_id: str, problem: str, *, retry_at: datetime | None) -> None:
        """Count a failed try. The event is tried again from `retry_at` on; None: it is parked."""

        def write(connection: Connection) -> None:
            seq = _seq_of(connection, event_id)
            if seq is None:
                return
            now = self._database.now(connection)
            which = sa.and_(deliveries.c.event_seq == seq, deliveries.c.notifier == notifier)
            tries = connection.execute(sa.select(deliveries.c.attempts).where(which)).scalar() or 0
            values = {
                "state": WAITING if retry_at is not None else PARKED,
                "owner": None,
                "held_until": None,
                "attempts": tries + 1,
                "next_try_at": retry_at,
                "parked_at": None if retry_at is not None else now,
                "problem": problem,
            }
            _settle(connection, seq, notifier, values)
            if retry_at is None:
                _close(connection, seq, now)

        self._database.run(write)

    def holders(self) -> Sequence[str]:
        """Return the owners that hold events."""
        statement = sa.select(deliveries.c.owner).where(deliveries.c.state == WAITING).distinct()
        return self._database.read(
            lambda connection: [owner for owner in connection.execute(statement).scalars() if owner]
        )

    def let_go(self, owner: str) -> int:
        """Release the events of an owner that is known to be dead; return their number."""
        held = sa.update(deliveries).where(deliveries.c.owner == owner, deliveries.c.state == WAITING)
        return self._database.run(
            lambda connection: connection.execute(held.values(owner=None, held_until=None)).rowcount
        )

    def parked(self, notifier: str | None = None) -> Sequence[tuple[str, Event, str]]:
        """Return the parked events: (notifier, event, problem), oldest first."""
        statement = (
            sa.select(deliveries.c.notifier, events.c.payload, deliveries.c.problem)
            .join(events, events.c.seq == deliveries.c.event_seq)
            .where(deliveries.c.state == PARKED)
            .order_by(events.c.seq)
        )
        if notifier is not None:
            statement = statement.where(deliveries.c.notifier == notifier)
        return self._database.read(
            lambda connection: [
                (name, Event.parse(payload), problem or "") for name, payload, problem in connection.execute(statement)
            ]
        )

    def of(self, volume_id: str) -> Sequence[Event]:
        """Return the events of a volume, in their order."""
        statement = sa.select(events.c.payload).where(events.c.volume_id == volume_id).order_by(events.c.seq)
        return self._database.read(
            lambda connection: [Event.parse(payload) for payload in connection.execute(statement).scalars()]
        )

    def purge(self, *, before: datetime) -> int:
        """Delete events from before this time that all notifiers received or none expects; return their number."""

        def write(connection: Connection) -> int:
            known = connection.execute(sa.select(sa.func.count()).select_from(notifiers)).scalar_one()
            old = sa.delete(events).where(events.c.created_at < before)
            return connection.execute(old.where(events.c.open.is_(False)) if known else old).rowcount

        return self._database.run(write)


def add(connection: Connection, happened: Iterable[Event], now: datetime) -> None:
    """Insert events, in this order; an id that is there already is ignored."""
    for event in happened:
        connection.execute(
            _WRITE,
            {
                "id": event.id,
                "volume_id": event.volume_id,
                "payload": event.plain(),
                "open": True,
                "created_at": now,
            },
        )


def _next_of_volume() -> sa.ColumnElement[int | None]:
    """Return the number of a volume's next event. The loser of a race violates a unique constraint and is run again."""
    volume = sa.bindparam("volume_id", type_=events.c.volume_id.type)
    before = events.alias("before")
    last = sa.select(sa.func.max(before.c.volume_seq)).where(before.c.volume_id == volume).scalar_subquery()
    return sa.case((volume.is_not(None), sa.func.coalesce(last, 0) + 1))


_WRITE = unless_there(events, volume_seq=_next_of_volume())


def _alone(connection: Connection, notifier: str, now: datetime) -> None:
    """Lock the notifier, so that no other transaction selects events for it before this one ends."""
    seen = sa.update(notifiers).where(notifiers.c.name == notifier).values(seen_at=now)
    if connection.execute(seen).rowcount == 0:
        connection.execute(sa.insert(notifiers).values(name=notifier, seen_at=now))


def _first_due(connection: Connection, notifier: str, owner: str, limit: int, now: datetime) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    held_back: set[str] = set()
    for row in _undelivered(connection, notifier):
        if row.volume_id in held_back:
            continue
        later = row.next_try_at is not None and row.next_try_at > now
        elsewhere = row.owner not in (None, owner) and row.held_until is not None and row.held_until > now
        if not later and not elsewhere:
            found.append(row)
            if len(found) == limit:
                break
        elif row.volume_id is not None:
            held_back.add(row.volume_id)
    return found


def _undelivered(connection: Connection, notifier: str) -> Iterator[Row[Any]]:
    """Yield the open events that are neither delivered to this notifier nor parked for it, oldest first."""
    own = sa.and_(deliveries.c.event_seq == events.c.seq, deliveries.c.notifier == notifier)
    statement: sa.Select[Any] = (
        sa.select(
            events.c.seq,
            events.c.volume_id,
            events.c.payload,
            deliveries.c.attempts,
            deliveries.c.owner,
            deliveries.c.held_until,
            deliveries.c.next_try_at,
        )
        .select_from(events.outerjoin(deliveries, own))
        .where(events.c.open.is_(True), sa.or_(deliveries.c.state.is_(None), deliveries.c.state == WAITING))
        .order_by(events.c.seq)
        .limit(PAGE)
    )
    last = 0
    while True:
        page = connection.execute(statement.where(events.c.seq > last)).all()
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].seq


def _settle(connection: Connection, seq: int, notifier: str, values: dict[str, Any]) -> None:
    """Change or insert a delivery's row. A delivered or parked one stays as it is."""
    which = sa.and_(deliveries.c.event_seq == seq, deliveries.c.notifier == notifier)
    state = connection.execute(sa.select(deliveries.c.state).where(which)).scalar()
    if state is None:
        blank = {"event_seq": seq, "notifier": notifier, "state": WAITING, "attempts": 0}
        connection.execute(sa.insert(deliveries).values({**blank, **values}))
    elif state == WAITING:
        connection.execute(sa.update(deliveries).where(which).values(values))


def _close(connection: Connection, seq: int, now: datetime) -> None:
    """Close the event if no notifier waits for it any more."""
    done = sa.select(deliveries.c.notifier).where(deliveries.c.event_seq == seq, deliveries.c.state != WAITING)
    waiting = (
        sa.select(sa.func.count())
        .select_from(notifiers)
        .where(notifiers.c.seen_at > now - FORGOTTEN, notifiers.c.name.not_in(done))
    )
    if connection.execute(waiting).scalar_one() == 0:
        connection.execute(sa.update(events).where(events.c.seq == seq).values(open=False))


def _seq_of(connection: Connection, event_id: str) -> int | None:
    return connection.execute(sa.select(events.c.seq).where(events.c.id == event_id)).scalar()


STATES = (WAITING, PARKED, DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """The delivery of one event to one notifier."""

    event: Event
    notifier: str
    state: str  # waiting, parked or delivered
    tries: int
    next_try_at: datetime | None
    problem: str | None


class Deliveries:
    """Deliveries, for the operator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        *,
        state: str | None = None,
        notifier: str | None = None,
        volume_id: str | None = None,
        event_ids: Sequence[str] | None = None,
        limit: int = 100,
    ) -> Sequence[DeliveryRecord]:
        """Return the latest deliveries, oldest first, `limit` at most."""

        def look(connection: Connection) -> list[DeliveryRecord]:
            known = list(connection.execute(sa.select(notifiers.c.name).order_by(notifiers.c.name)).scalars())
            found: list[DeliveryRecord] = []
            for row in connection.execute(_events(state, volume_id, event_ids)):
                of_event = [
                    record
                    for record in _of_event(connection, row, known)
                    if state in (None, record.state) and notifier in (None, record.notifier)
                ]
                found.extend(reversed(of_event))
                if len(found) >= limit:
                    break
            return list(reversed(found[:limit]))

        return self._database.read(look)

    def retry(self, *, event_ids: Sequence[str] | None = None, notifier: str | None = None) -> int:
        """Try parked events again, as often as new ones; return their number. None: all of them."""

        def write(connection: Connection) -> int:
            which = [deliveries.c.state == PARKED]
            if notifier is not None:
                which.append(deliveries.c.notifier == notifier)
            if event_ids is not None:
                named = sa.select(events.c.seq).where(events.c.id.in_(event_ids))
                which.append(deliveries.c.event_seq.in_(named))
            seqs = set(connection.execute(sa.select(deliveries.c.event_seq).where(*which)).scalars())
            if not seqs:
                return 0
            again = {"state": WAITING, "attempts": 0, "next_try_at": None, "parked_at": None}
            changed = connection.execute(sa.update(deliveries).where(*which).values(**again)).rowcount
            connection.execute(sa.update(events).where(events.c.seq.in_(seqs)).values(open=True))
            return changed

        return self._database.run(write)


def _events(
    state: str | None, volume_id: str | None, event_ids: Sequence[str] | None
) -> sa.Select[tuple[int, dict[str, Any], bool]]:
    """Return a statement that selects events, the latest first."""
    statement = sa.select(events.c.seq, events.c.payload, events.c.open).order_by(events.c.seq.desc())
    if volume_id is not None:
        statement = statement.where(events.c.volume_id == volume_id)
    if event_ids is not None:
        statement = statement.where(events.c.id.in_(event_ids))
    if state == WAITING:
        statement = statement.where(events.c.open.is_(True))
    elif state is not None:
        having = sa.select(deliveries.c.event_seq).where(deliveries.c.state == state)
        statement = statement.where(events.c.seq.in_(having))
    return statement


def _of_event(connection: Connection, event: Row[Any], known: Sequence[str]) -> Iterator[DeliveryRecord]:
    """Yield one record for each notifier, by name. An open event also waits for notifiers without a row."""
    rows = connection.execute(sa.select(deliveries).where(deliveries.c.event_seq == event.seq)).all()
    by_name = {row.notifier: row for row in rows}
    made = Event.parse(event.payload)
    for name in sorted({*by_name, *(known if event.open else ())}):
        row = by_name.get(name)
        yield DeliveryRecord(
            event=made,
            notifier=name,
            state=row.state if row is not None else WAITING,
            tries=row.attempts if row is not None else 0,
            next_try_at=row.next_try_at if row is not None else None,
            problem=row.problem if row is not None else None,
        )
