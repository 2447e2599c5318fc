"""Requests that could not be served, written down in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db import decisions, messages, outbox, volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import events
from volsched.model.event import Event
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message


class Failures:
    """Where failures are written down. A port: FailureLog."""

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
        """The volume's new status, what every notifier will be told, what the user reads, what the operator reads.

        The same event id again is harmless: nothing is written twice. Raises LeaseLost where the fence is gone.
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
                decisions.add(connection, derived_id("decision", event.id), volume_id, decision, now=now)
            if message is not None:
                messages.add(connection, derived_id("message", event.id), message, now=now)
            outbox.add(connection, [event], now)

        self._database.run(write)
        self._observer.events_stored((event,))
        self._observer.failure_stored(event)
