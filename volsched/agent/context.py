"""What an operation of the agent is, the context it runs in, and the outcomes that several have in common."""

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
#: What could not be done to a volume, in messages for tenants.
PARTICIPLES: Mapping[str, str] = MappingProxyType(
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
    """One work item with everything that its operation needs."""

    work: WorkItem
    volume: Volume  # as its row is now
    backend_id: str
    backend: StorageBackend
    clock: Clock
    publisher: str
    check: Callable[[], object]  # raises LeaseLost if another attempt has begun

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.work.payload

    @property
    def pool_id(self) -> str:
        return str(self.payload.get("pool_id"))

    @property
    def pool(self) -> str:
        """The pool's name, the part after '#'. Raises InvalidRequest if the pool is another backend's."""
        name = self.pool_id.removeprefix(f"{self.backend_id}#")
        if not name or name == self.pool_id:
            raise InvalidRequest("pool_id", f"expected a pool of {self.backend_id}, got {self.pool_id!r}")
        return name

    @property
    def attempt(self) -> Attempt:
        """This attempt at the work item, for the backend. Raises InvalidRequest if the pool is another backend's."""
        lease = self.work.lease
        return Attempt(
            volume=self.volume, pool=self.pool, work_id=lease.work_id, number=lease.attempt, check=self.check
        )

    @property
    def claims(self) -> tuple[str, ...]:
        key = self.payload.get("claim_key")
        return (str(key),) if key else ()

    def event(self, moment: str, priority: Priority = Priority.INFO, **more: Any) -> Event:
        """Return the event `volume.<operation>.<moment>`: one for each attempt if it is a start, else one in all."""
        event_type = f"volume.{self.work.operation}.{moment}"
        starts = moment == "start"
        once = (self.work.lease.attempt,) if starts else ()
        measured = {"attempt": self.work.lease.attempt} if starts else {"took_ms": self.work.took_ms}
        return Event(
            id=derived_id("event", self.work.id, event_type, *once),
            event_type=event_type,
            priority=priority,
            occurred_at=self.clock().isoformat(),
            publisher=self.publisher,
            volume_id=self.volume.id,
            project_id=self.volume.project_id,
            payload={"volume": self.volume.plain(), "pool_id": self.pool_id, **measured, **more},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the agent on a volume."""

    #: The statuses of a volume that waits for the operation: in any other one the work item is obsolete.
    statuses: frozenset[VolumeStatus]
    run: Callable[[OperationContext], Outcome]
    on_failure: Callable[[OperationContext, Exception], Outcome]
    #: Whether there is an event for its start: False for a part of a larger operation.
    start_event: bool = True
    #: Returns another reason why the work item is obsolete; None if it is not.
    obsolete: Callable[[WorkItem, Volume], str | None] = field(default=lambda work, volume: None)


def available(
    context: OperationContext,
    done: datetime,
    changes: Mapping[str, Any],
    sizes: Mapping[str, float] = MappingProxyType({}),
) -> Outcome:
    """Return the outcome of a success, after which the volume is available.

    `done` is the time after the work: a report that was begun before it may not count the volume.
    """
    return Outcome(
        volume_id=context.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE, **changes},
        confirm=context.claims,
        confirmed_at=done,
        sizes=sizes,
        events=(context.event("end", **changes),),
        commit_reservation=context.payload.get("reservation"),
    )


def ends_in(status: VolumeStatus, *, keeps_room: bool = False) -> Callable[[OperationContext, Exception], Outcome]:
    """Return an `on_failure` that sets this status. `keeps_room`: the claim stays."""

    def failed(context: OperationContext, problem: Exception) -> Outcome:
        return failed_in(context, problem, status, keeps_room=keeps_room)

    return failed


def failed_in(
    context: OperationContext,
    problem: Exception,
    status: VolumeStatus,
    detail: Mapping[str, Any] | None = None,
    *,
    keeps_room: bool = False,
) -> Outcome:
    """Return the outcome of a failure: the reason for operators in the event, a message for the tenant."""
    done = PARTICIPLES.get(context.work.operation, "changed")
    text = (
        f"the volume could not be {done}: its storage reported a problem. "
        f"Try again later; if it fails again, ask your operator, and name volume {context.volume.id}."
    )
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        volume_changes={"status": status},
        release=() if keeps_room else context.claims,
        events=(context.event("error", Priority.ERROR, **plain(detail or {"reason": str(problem)})),),
        message=message(context, STORAGE_FAILED, text),
        cancel_reservation=context.payload.get("reservation"),
    )


def message(context: OperationContext, code: str, text: str) -> Message:
    return Message(volume_id=context.volume.id, project_id=context.volume.project_id, code=code, text=text)
