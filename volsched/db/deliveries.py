"""What became of events: which notifier got which, what waits, and what was parked and is to be tried once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db.database import Database
from volsched.db.outbox import DELIVERED, PARKED, WAITING
from volsched.db.schema import deliveries, events, notifiers
from volsched.model.event import Event

STATES = (WAITING, PARKED, DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One event and one notifier."""

    event: Event
    notifier: str
    state: str  # waiting, parked or delivered
    tries: int
    next_try_at: datetime | None
    problem: str | None


class Deliveries:
    """Events with what became of each, for the operator."""

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
        """The latest of them, oldest first, `limit` at most."""

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
        """Let parked events be tried again, as often as new ones; returns how many. None: all of them."""

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
    """The events that may be meant, the latest first."""
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
    """One record a notifier, by name. An open event also waits for those that have not asked for it yet."""
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
