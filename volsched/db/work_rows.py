"""Work items in larger transactions: queued, locked and ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db.schema import unless_there, work
from volsched.exceptions import LeaseLost
from volsched.model.trace_context import CURRENT, TRACE
from volsched.model.work import Lease, WorkRequest, WorkState

UNFINISHED = (WorkState.QUEUED.value, WorkState.RUNNING.value)


def queue(connection: Connection, requests: Iterable[WorkRequest], now: datetime) -> None:
    """Queue work, in this order; an id that is there already is ignored."""
    trace = CURRENT.get()
    for request in requests:
        connection.execute(
            _WRITE,
            {
                "id": request.id,
                "queue": request.queue,
                "operation": request.operation,
                "volume_id": request.volume_id,
                "payload": request.payload if trace is None else {**request.payload, TRACE: trace.context_for(request)},
                "problem": None,
                "created_at": now,
                "finished_at": None,
                **_beginning(request, now),
            },
        )


def _beginning(request: WorkRequest, now: datetime) -> dict[str, Any]:
    if request.held_by is None:
        return {
            "state": WorkState.QUEUED.value,
            "attempt": 0,
            "owner": None,
            "lease_until": None,
            "busy_volume_id": None,
        }
    return {
        "state": WorkState.RUNNING.value,
        "attempt": 1,
        "owner": request.held_by,
        "lease_until": now + timedelta(seconds=request.held_seconds),
        "busy_volume_id": request.volume_id,
    }


def known(connection: Connection, requests: Iterable[WorkRequest]) -> bool:
    """Return whether there is work, and all of it was queued before."""
    wanted = {request.id for request in requests}
    return bool(wanted) and set(connection.execute(_OF_IDS, {"ids": list(wanted)}).scalars()) == wanted


_WRITE = unless_there(work)
_OF_IDS = sa.select(work.c.id).where(work.c.id.in_(sa.bindparam("ids", expanding=True)))


def held_by(lease: Lease) -> sa.ColumnElement[bool]:
    """Return the condition that the lease is still valid."""
    return sa.and_(
        work.c.id == lease.work_id,
        work.c.owner == lease.owner,
        work.c.attempt == lease.attempt,
        work.c.state == WorkState.RUNNING.value,
    )


def hold(connection: Connection, lease: Lease) -> None:
    """Lock the work item until this transaction ends. Raises LeaseLost."""
    if connection.execute(sa.select(work.c.seq).where(held_by(lease)).with_for_update()).first() is None:
        raise LeaseLost(lease.work_id)


def end(connection: Connection, lease: Lease, state: WorkState, now: datetime, *, problem: str | None = None) -> bool:
    """End the work item, or put it back (QUEUED); return False if this lease ended it so before.

    The row stays locked until this transaction ends. Raises LeaseLost.
    """
    ended = connection.execute(
        _END,
        {
            "held": lease.work_id,
            "holder": lease.owner,
            "held_attempt": lease.attempt,
            "new_state": state.value,
            "why": problem,
            "at": None if state is WorkState.QUEUED else now,
        },
    )
    if ended.rowcount == 1:
        return True
    if connection.execute(_HELD, {"held": lease.work_id}).first() == (lease.owner, lease.attempt, state.value):
        return False
    raise LeaseLost(lease.work_id)


_HELD = sa.select(work.c.owner, work.c.attempt, work.c.state).where(work.c.id == sa.bindparam("held"))
_END = (
    sa.update(work)
    .where(
        work.c.id == sa.bindparam("held"),
        work.c.owner == sa.bindparam("holder"),
        work.c.attempt == sa.bindparam("held_attempt"),
        work.c.state == WorkState.RUNNING.value,
    )
    .values(
        state=sa.bindparam("new_state"),
        busy_volume_id=None,
        problem=sa.bindparam("why"),
        finished_at=sa.bindparam("at"),
    )
)
