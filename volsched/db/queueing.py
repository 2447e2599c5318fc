"""Work rows: queued, and held on to by a lease, as part of larger transactions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db.schema import work
from volsched.domain.work import Lease, WorkRequest, WorkState
from volsched.exceptions import LeaseLost

UNFINISHED = (WorkState.QUEUED.value, WorkState.RUNNING.value)


def queue(connection: Connection, requests: Iterable[WorkRequest], now: datetime) -> None:
    """Queue work, in this order; what is there already, by its id, stays as it is."""
    requests = list(requests)
    if not requests:
        return
    wanted = [request.id for request in requests]
    known = set(connection.execute(sa.select(work.c.id).where(work.c.id.in_(wanted))).scalars())
    for request in requests:
        if request.id in known:
            continue
        known.add(request.id)
        connection.execute(
            sa.insert(work).values(
                id=request.id,
                queue=request.queue,
                operation=request.operation,
                volume_id=request.volume_id,
                payload=request.payload,
                state=WorkState.QUEUED.value,
                attempt=0,
                created_at=now,
            )
        )


def held_by(lease: Lease) -> sa.ColumnElement[bool]:
    """The condition that the lease is still the one in force."""
    return sa.and_(
        work.c.id == lease.work_id,
        work.c.owner == lease.owner,
        work.c.attempt == lease.attempt,
        work.c.state == WorkState.RUNNING.value,
    )


def hold(connection: Connection, lease: Lease) -> None:
    """Nobody takes the work over before this transaction ends. Raises LeaseLost where somebody has."""
    statement = sa.select(work.c.seq).where(held_by(lease)).with_for_update()
    if connection.execute(statement).first() is None:
        raise LeaseLost(lease.work_id)
