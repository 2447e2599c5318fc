"""Records about requests: decisions, messages for tenants, and failures."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db import outbox, volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import decisions, events, messages, unless_there
from volsched.model.event import Event
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message

PLACED = "placed"
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One stored decision."""

    id: str
    volume_id: str | None
    outcome: str  # PLACED or REFUSED
    pool_id: str | None
    config_generation: int
    document: Mapping[str, Any]  # Decision.plain()
    made_at: datetime


class Decisions:
    """Decisions: why each volume was placed where it is, or refused. A port: DecisionLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, volume_id: str | None, decision: Mapping[str, Any]) -> str:
        """Store a decision that led to no claim; return its id."""
        decision_id = str(uuid.uuid4())
        self._database.run(
            lambda connection: add_decision(
                connection, decision_id, volume_id, decision, now=self._database.now(connection)
            )
        )
        return decision_id

    def of(self, volume_id: str) -> Sequence[DecisionRecord]:
        """Return the decisions about a volume, oldest first, also after it is deleted."""
        statement = sa.select(decisions).where(decisions.c.volume_id == volume_id).order_by(decisions.c.seq)
        return self._database.read(lambda connection: [_decision_record(row) for row in connection.execute(statement)])

    def latest(self, volume_id: str) -> DecisionRecord | None:
        """Return the last decision about a volume."""
        statement = sa.select(decisions).where(decisions.c.volume_id == volume_id)
        statement = statement.order_by(decisions.c.seq.desc()).limit(1)
        row = self._database.read(lambda connection: connection.execute(statement).first())
        return None if row is None else _decision_record(row)


def add_decision(
    connection: Connection,
    decision_id: str,
    volume_id: str | None,
    decision: Mapping[str, Any],
    *,
    now: datetime,
    pool_id: str | None = None,
) -> None:
    """Insert a decision; the same id again is ignored. `pool_id`: the pool of the claim it led to."""
    connection.execute(
        _WRITE_DECISION,
        {
            "id": decision_id,
            "volume_id": volume_id,
            "outcome": REFUSED if pool_id is None else PLACED,
            "pool_id": pool_id,
            "config_generation": int(decision.get("config_generation") or 0),
            "document": decision,
            "made_at": now,
        },
    )


_WRITE_DECISION = unless_there(decisions)


def _decision_record(row: sa.Row[Any]) -> DecisionRecord:
    values = dict(row._mapping)
    del values["seq"]
    return DecisionRecord(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """One stored message."""

    id: str
    volume_id: str
    project_id: str
    code: str
    text: str
    created_at: datetime


class Messages:
    """Messages that tenants read about their volumes. A port: MessageLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, message: Message, message_id: str | None = None) -> None:
        """Store a message; the same id again is ignored. None: a new id."""
        known_as = message_id if message_id is not None else str(uuid.uuid4())
        self._database.run(
            lambda connection: add_message(connection, known_as, message, now=self._database.now(connection))
        )

    def of(self, volume_id: str, project_id: str | None = None) -> Sequence[MessageRecord]:
        """Return a volume's messages that the project may see (None: all), oldest first, also after it is deleted."""
        statement = sa.select(messages).where(messages.c.volume_id == volume_id).order_by(messages.c.seq)
        if project_id is not None:
            statement = statement.where(messages.c.project_id == project_id)
        return self._database.read(lambda connection: [_message_record(row) for row in connection.execute(statement)])


def add_message(connection: Connection, message_id: str, message: Message, *, now: datetime) -> None:
    """Insert a message; the same id again is ignored."""
    connection.execute(
        _WRITE_MESSAGE,
        {
            "id": message_id,
            "volume_id": message.volume_id,
            "project_id": message.project_id,
            "code": message.code,
            "text": message.text,
            "created_at": now,
        },
    )


_WRITE_MESSAGE = unless_there(messages)


def _message_record(row: sa.Row[Any]) -> MessageRecord:
    values = dict(row._mapping)
    del values["seq"]
    return MessageRecord(**values)


class Failures:
    """Failures of requests, each stored in one transaction. A port: FailureLog."""

    def __init__(self, database: Database, observer: Observer = NO_OBSERVER) -> None:
        self._database = database
        self._observer = observer

    def record(
        self,
        *,
        volume_id: str | None,
        status: VolumeStatus | None,
        event: Event,
        message: Message | None,
        decision: Mapping[str, Any] | None,
        fence: Lease | None = None,
    ) -> None:
        """Store the volume's new status, the event for notifiers, the tenant message and the decision.

        The same event id again stores nothing. Raises LeaseLost if the fence is lost.
        """

        def write(connection: Connection) -> None:
            if fence is not None:
                work_rows.hold(connection, fence)
            if connection.execute(sa.select(events.c.seq).where(events.c.id == event.id)).first() is not None:
                return
            now = self._database.now(connection)
            if volume_id is not None and status is not None:
                volume_rows.change(connection, volume_id, {"status": status}, now)
            if decision is not None:
                add_decision(connection, derived_id("decision", event.id), volume_id, decision, now=now)
            if message is not None:
                add_message(connection, derived_id("message", event.id), message, now=now)
            outbox.add(connection, [event], now)

        self._database.run(write)
        self._observer.events_stored((event,))
        self._observer.failure_stored(event)
