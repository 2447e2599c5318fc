"""The backlog: how much work and how many events wait in the database, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db import work_rows
from volsched.db.outbox import FORGOTTEN, PARKED
from volsched.db.schema import deliveries, events, notifiers, work
from volsched.model.work import SCHEDULER_QUEUE, WorkState

QUEUED, RUNNING, EXPIRED = WorkState.QUEUED.value, WorkState.RUNNING.value, "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The backlog at one moment. Ages are seconds, of the oldest; 0 if nothing waits."""

    queues: Mapping[tuple[str, str], int]  # (queue, queued | running | expired) -> number of work items
    waiting: Mapping[str, float]  # queue -> age of the oldest queued work item
    outbox: int  # events that are not delivered to every notifier
    outbox_age: float
    parked: Mapping[str, int]  # notifier -> parked events


def read(connection: Connection, now: datetime) -> Backlog:
    """Return the backlog of this moment."""
    queues: dict[tuple[str, str], int] = {(SCHEDULER_QUEUE, state): 0 for state in (QUEUED, RUNNING, EXPIRED)}
    waiting: dict[str, float] = {SCHEDULER_QUEUE: 0.0}
    for queue, state, count, oldest in connection.execute(_QUEUES, {"now": now}):
        queues[queue, state] = int(count)
        if state == QUEUED:
            waiting[queue] = _age(oldest, now)
    expecting = connection.execute(_EXPECTING, {"since": now - FORGOTTEN}).scalar_one()
    undelivered = int(connection.execute(_OPEN).scalar_one()) if expecting else 0
    return Backlog(
        queues=queues,
        waiting=waiting,
        outbox=undelivered,
        outbox_age=_age(connection.execute(_OLDEST_OPEN).scalar(), now) if undelivered else 0.0,
        parked={name: int(count) for name, count in connection.execute(_PARKED)},
    )


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


_STATE = sa.case(
    (sa.and_(work.c.state == RUNNING, work.c.lease_until <= sa.bindparam("now")), EXPIRED), else_=work.c.state
).label("standing")
_QUEUES = (
    sa.select(work.c.queue, _STATE, sa.func.count(), sa.func.min(work.c.created_at))
    .where(work.c.state.in_(work_rows.UNFINISHED))
    .group_by(work.c.queue, sa.text("standing"))
)
_EXPECTING = sa.select(sa.func.count()).select_from(notifiers).where(notifiers.c.seen_at > sa.bindparam("since"))
_OPEN = sa.select(sa.func.count()).select_from(events).where(events.c.open.is_(True))
_OLDEST_OPEN = sa.select(events.c.created_at).where(events.c.open.is_(True)).order_by(events.c.seq).limit(1)
_PARKED = sa.select(
    notifiers.c.name,
    sa.select(sa.func.count())
    .select_from(deliveries)
    .where(deliveries.c.notifier == notifiers.c.name, deliveries.c.state == PARKED)
    .correlate(notifiers)
    .scalar_subquery(),
)
