"""Work items: rows of a queue in the database, each worked on under a lease.

The message bus only carries wake-ups.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from volsched.model.event import Event
from volsched.model.identity import backend_of
from volsched.model.serialization import NOTHING, Serializable
from volsched.model.volume import Volume

SCHEDULER_QUEUE = "scheduler"


def agent_queue(backend_id: str) -> str:
    """The queue of the agent that serves a backend."""
    return f"agent:{backend_id}"


class WorkState(StrEnum):
    """The state of a work item."""

    QUEUED = "queued"
    RUNNING = "running"  # under a lease, which may have expired
    DONE = "done"
    FAILED = "failed"  # done with a negative answer; never retried


class WorkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Work to queue. The same `id` is queued only once."""

    id: str
    queue: str  # SCHEDULER_QUEUE or agent_queue(backend_id)
    operation: str  # create, delete, extend, manage, retype, migrate, offer, clear, snapshot, group…
    volume_id: str | None
    payload: Mapping[str, Any] = NOTHING  # plain data
    held_by: str | None = None  # an owner: the work waits until this owner releases it or ends,
    held_seconds: float = 0.0  # but at most for this time


def pool_work(operation: str, work_id: str, volume_id: str, pool_id: str, payload: Mapping[str, Any]) -> WorkRequest:
    """Return work on a volume for the agent that serves `pool_id`."""
    return WorkRequest(
        id=work_id,
        queue=agent_queue(backend_of(pool_id)),
        operation=operation,
        volume_id=volume_id,
        payload={**payload, "pool_id": pool_id},
    )


def offer_work(work_id: str, volume: Volume, payload: Mapping[str, Any]) -> WorkRequest:
    """Return the first step of a move to another pool.

    `payload` has from_pool, to_pool, claim_key, changes, and a reservation if there is one.
    """
    return pool_work("offer", work_id, volume.id, payload["from_pool"], {**payload, "volume": volume.plain()})


class Lease(Serializable, frozen=True, kw_only=True):
    """The right to work on one item until `until`. A later `attempt` invalidates earlier ones."""

    work_id: str
    owner: str
    attempt: int
    until: datetime


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A work item under a lease."""

    id: str
    queue: str
    operation: str
    volume_id: str | None
    payload: Mapping[str, Any]
    lease: Lease
    taken_over: bool = False  # from an owner whose lease had expired
    begun: float = msgspec.field(default_factory=time.perf_counter)  # time.perf_counter() when it was taken

    @property
    def took_ms(self) -> float:
        """Return the milliseconds since it was taken."""
        return round((time.perf_counter() - self.begun) * 1000, 3)


#: Returns the events to store when work is taken.
Starting = Callable[[WorkItem], Sequence[Event]]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message for the owner of a volume, without details for operators only."""

    volume_id: str  # or the group's, of a message about a group
    project_id: str
    code: str  # e.g. VS001, stable, for programs
    text: str


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """The change of a snapshot's or a group's row."""

    kind: str  # snapshot or group
    id: str
    changes: Mapping[str, Any] | None = None  # None: the row is removed


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is written in the transaction that ends a work item."""

    state: WorkState = WorkState.DONE
    problem: str | None = None  # for the operator, where it failed
    volume_id: str | None = None
    volume_changes: Mapping[str, Any] = NOTHING
    remove_volume: bool = False
    confirm: tuple[str, ...] = ()  # claim keys whose work the backend has done
    confirmed_at: datetime | None = None
    sizes: Mapping[str, float] = NOTHING  # claim key -> the size it really needed
    release: tuple[str, ...] = ()  # claim keys
    left_pool: str | None = None  # a pool that the volume left: all its claims there are released
    rows: tuple[RowChange, ...] = ()
    follow_up: tuple[WorkRequest, ...] = ()
    events: tuple[Event, ...] = ()
    message: Message | None = None
    commit_reservation: str | None = None  # quota
    cancel_reservation: str | None = None
