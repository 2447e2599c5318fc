"""The outbox: events written with what they tell of, and delivered from here, to each notifier for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db.database import Database
from volsched.db.insert_once import unless_there
from volsched.db.schema import deliveries, events, notifiers
from volsched.model.event import DueEvent, Event
from volsched.model.observer import NO_OBSERVER, Observer

WAITING = "waiting"
DELIVERED = "delivered"
PARKED = "parked"

#: Open events are looked through in pages of so many rows.
PAGE = 200
#: A notifier that nobody expects any more, for so long, is taken for removed: events wait for it no longer.
FORGOTTEN = timedelta(days=1)


class Outbox:
    """Events on their way. Ports: OutboxStore, and EventSink."""

    def __init__(self, database: Database, observer: Observer = NO_OBSERVER) -> None:
        self._database = database
        self._observer = observer

    def emit(self, event: Event) -> None:
        """Keep an event for delivery; the same id again is harmless."""
        self._database.run(lambda connection: add(connection, [event], self._database.now(connection)))
        self._observer.events_stored((event,))

    def expect(self, notifiers: Iterable[str]) -> None:
        """These notifiers are to get every event from now on: none is done with before each of them got it."""

        def write(connection: Connection) -> None:
            now = self._database.now(connection)
            for name in sorted(set(notifiers)):
                _alone(connection, name, now)

        self._database.run(write)

    def due(self, notifier: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[DueEvent]:
        """What is to be delivered to this notifier now, oldest first, and held for this owner until the lease ends.

        Of one volume only events before which nothing is held back: while one waits for its next try, or is held by
        another owner, the later ones of the same volume wait too. An event that was parked holds nothing back.
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

        # Most of the time nothing is due: that is found out without locking anything.
        return self._database.run(hold) if self._database.read(look) else []

    def delivered(self, notifier: str, *event_ids: str) -> None:
        """The notifier took them, or is not to be told; harmless where that is known."""

        def write(connection: Connection) -> None:
            for event_id in event_ids:
                seq = _seq_of(connection, event_id)
                if seq is not None:
                    _settle(connection, seq, notifier, {"state": DELIVERED, "owner": None, "held_until": None})
                    _close(connection, seq, self._database.now(connection))

        self._database.run(write)

    def failed(self, notifier: str, event_id: str, problem: str, *, retry_at: datetime | None) -> None:
        """It did not; count the try. To be tried again from `retry_at` on; None: parked, not tried again."""

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
        """Whoever holds events that are to be delivered."""
        statement = sa.select(deliveries.c.owner).where(deliveries.c.state == WAITING).distinct()
        return self._database.read(
            lambda connection: [owner for owner in connection.execute(statement).scalars() if owner]
        )

    def let_go(self, owner: str) -> int:
        """Give free what an owner holds that is known to be dead; returns how many events there were."""
        held = sa.update(deliveries).where(deliveries.c.owner == owner, deliveries.c.state == WAITING)
        return self._database.run(
            lambda connection: connection.execute(held.values(owner=None, held_until=None)).rowcount
        )

    def parked(self, notifier: str | None = None) -> Sequence[tuple[str, Event, str]]:
        """Events that were given up: (notifier, event, problem), oldest first."""
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
        """The events of a volume, in their order."""
        statement = sa.select(events.c.payload).where(events.c.volume_id == volume_id).order_by(events.c.seq)
        return self._database.read(
            lambda connection: [Event.parse(payload) for payload in connection.execute(statement).scalars()]
        )

    def purge(self, *, before: datetime) -> int:
        """Forget events that everybody got, or that nobody came for, since before; returns how many."""

        def write(connection: Connection) -> int:
            known = connection.execute(sa.select(sa.func.count()).select_from(notifiers)).scalar_one()
            old = sa.delete(events).where(events.c.created_at < before)
            return connection.execute(old.where(events.c.open.is_(False)) if known else old).rowcount

        return self._database.run(write)


def add(connection: Connection, happened: Iterable[Event], now: datetime) -> None:
    """The rows of events, in this order; what is there already, by its id, stays as it is."""
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
    """The number of a volume's next event. Who loses a race for it breaks a unique constraint and begins again."""
    volume = sa.bindparam("volume_id", type_=events.c.volume_id.type)
    before = events.alias("before")
    last = sa.select(sa.func.max(before.c.volume_seq)).where(before.c.volume_id == volume).scalar_subquery()
    return sa.case((volume.is_not(None), sa.func.coalesce(last, 0) + 1))


_WRITE = unless_there(events, volume_seq=_next_of_volume())


def _alone(connection: Connection, notifier: str, now: datetime) -> None:
    """Nobody else picks events for this notifier before this transaction ends."""
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
    """The open events that this notifier has neither got nor been given up for, oldest first."""
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
    """Change a delivery's row, or make it. One that is delivered or parked stays what it is."""
    which = sa.and_(deliveries.c.event_seq == seq, deliveries.c.notifier == notifier)
    state = connection.execute(sa.select(deliveries.c.state).where(which)).scalar()
    if state is None:
        blank = {"event_seq": seq, "notifier": notifier, "state": WAITING, "attempts": 0}
        connection.execute(sa.insert(deliveries).values({**blank, **values}))
    elif state == WAITING:
        connection.execute(sa.update(deliveries).where(which).values(values))


def _close(connection: Connection, seq: int, now: datetime) -> None:
    """Where no notifier waits for the event any more, nobody looks at it again."""
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
