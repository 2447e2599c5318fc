"""One piece of an agent's work: all that its operation needs, and how it can end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.ports import Clock
from volsched.model.serialization import plain
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Message, Outcome, WorkItem, WorkState
from volsched.plugins import Attempt, StorageBackend

#: Codes of the messages that users read, stable for programs.
STORAGE_FAILED, BAD_REFERENCE = "VS-STORAGE", "VS-BAD-REQUEST"
#: What a user is told could not be done.
DONE_TO_A_VOLUME: Mapping[str, str] = MappingProxyType(
    {
        "create": "created",
        "delete": "deleted",
        "extend": "extended",
        "manage": "taken under management",
        "offer": "moved",
        "migrate": "moved",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """One piece of work with all that its operation needs."""

    work: WorkItem
    volume: Volume  # the row of now
    backend_id: str
    backend: StorageBackend
    clock: Clock
    publisher: str
    check: Callable[[], object]  # raises LeaseLost where another attempt has begun

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.work.payload

    @property
    def pool_id(self) -> str:
        return str(self.payload.get("pool_id"))

    @property
    def pool(self) -> str:
        """The pool's name, the part after '#'. Raises InvalidRequest where it is not one of this backend's."""
        name = self.pool_id.removeprefix(f"{self.backend_id}#")
        if not name or name == self.pool_id:
            raise InvalidRequest("pool_id", f"{self.pool_id!r} is no pool of {self.backend_id}")
        return name

    @property
    def attempt(self) -> Attempt:
        """This attempt at the work, as the backend receives it. Raises InvalidRequest where the pool is not its own."""
        lease = self.work.lease
        return Attempt(
            volume=self.volume, pool=self.pool, work_id=lease.work_id, number=lease.attempt, check=self.check
        )

    @property
    def claims(self) -> tuple[str, ...]:
        key = self.payload.get("claim_key")
        return (str(key),) if key else ()

    def event(self, moment: str, priority: Priority = Priority.INFO, **more: Any) -> Event:
        """`volume.<operation>.<moment>`; of a start there is one an attempt, of every other one in all."""
        event_type = f"volume.{self.work.operation}.{moment}"
        starts = moment == "start"
        once = (self.work.lease.attempt,) if starts else ()
        figure = {"attempt": self.work.lease.attempt} if starts else {"took_ms": self.work.took_ms}
        return Event(
            id=derived_id("event", self.work.id, event_type, *once),
            event_type=event_type,
            priority=priority,
            occurred_at=self.clock().isoformat(),
            publisher=self.publisher,
            volume_id=self.volume.id,
            project_id=self.volume.project_id,
            payload={"volume": self.volume.plain(), "pool_id": self.pool_id, **figure, **more},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that an agent can do to a volume."""

    #: Where the volume may be while the work waits: in any other status it is not wanted any more.
    waits_in: frozenset[VolumeStatus]
    carry_out: Callable[[OperationContext], Outcome]
    failed: Callable[[OperationContext, Exception], Outcome]
    #: Whether the start of it is told: False where it is only a part of something larger.
    starts: bool = True
    #: Why it is not wanted any more, beyond that.
    unwanted: Callable[[WorkItem, Volume], str | None] = field(default=lambda work, volume: None)


def done_at(
    job: OperationContext, done: datetime, changes: Mapping[str, Any], sizes: Mapping[str, float] = MappingProxyType({})
) -> Outcome:
    """The volume is available. `done` is taken after the work: a report that was begun before may not know of it."""
    return Outcome(
        volume_id=job.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE, **changes},
        confirm=job.claims,
        confirmed_at=done,
        sizes=sizes,
        events=(job.event("end", **changes),),
        commit_reservation=job.payload.get("reservation"),
    )


def ends_in(status: VolumeStatus, *, keeps_room: bool = False) -> Callable[[OperationContext, Exception], Outcome]:
    """A failure after which the volume is in this status. `keeps_room`: what it has stays claimed."""

    def failed(job: OperationContext, problem: Exception) -> Outcome:
        return failed_in(job, problem, status, keeps_room=keeps_room)

    return failed


def failed_in(
    job: OperationContext,
    problem: Exception,
    status: VolumeStatus,
    detail: Mapping[str, Any] | None = None,
    *,
    keeps_room: bool = False,
) -> Outcome:
    """The operator reads why in the event and in the log; the user that it failed, and what to do."""
    done = DONE_TO_A_VOLUME.get(job.work.operation, "changed")
    told = (
        f"the volume could not be {done}: its storage reported a problem. "
        f"Try again later; if it fails again, ask your operator, and name volume {job.volume.id}."
    )
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        volume_changes={"status": status},
        release=() if keeps_room else job.claims,
        events=(job.event("error", Priority.ERROR, **plain(detail or {"reason": str(problem)})),),
        message=message(job, STORAGE_FAILED, told),
        cancel_reservation=job.payload.get("reservation"),
    )


def message(job: OperationContext, code: str, text: str) -> Message:
    return Message(volume_id=job.volume.id, project_id=job.volume.project_id, code=code, text=text)
