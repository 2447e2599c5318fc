"""Messages that users read about their volumes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db.database import Database
from volsched.db.insert_once import unless_there
from volsched.db.schema import messages
from volsched.model.work import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    """One message as it was written down."""

    id: str
    volume_id: str
    project_id: str
    code: str
    text: str
    created_at: datetime


class Messages:
    """The users' messages. A port: MessageLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, message: Message, message_id: str | None = None) -> None:
        """Write a message down; the same id again is harmless. None: a new one."""
        known_as = message_id if message_id is not None else str(uuid.uuid4())
        self._database.run(lambda connection: add(connection, known_as, message, now=self._database.now(connection)))

    def of(self, volume_id: str, project_id: str | None = None) -> Sequence[MessageRecord]:
        """A volume's messages that the project may see (None: all), oldest first; also of one that is gone."""
        statement = sa.select(messages).where(messages.c.volume_id == volume_id).order_by(messages.c.seq)
        if project_id is not None:
            statement = statement.where(messages.c.project_id == project_id)
        return self._database.read(lambda connection: [_record(row) for row in connection.execute(statement)])


def add(connection: Connection, message_id: str, message: Message, *, now: datetime) -> None:
    """The row of a message; the same id again is harmless."""
    connection.execute(
        _WRITE,
        {
            "id": message_id,
            "volume_id": message.volume_id,
            "project_id": message.project_id,
            "code": message.code,
            "text": message.text,
            "created_at": now,
        },
    )


_WRITE = unless_there(messages)


def _record(row: sa.Row[Any]) -> MessageRecord:
    values = dict(row._mapping)
    del values["seq"]
    return MessageRecord(**values)
