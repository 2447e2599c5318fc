"""What an agent does with one piece of work: one function an operation, each of which says what becomes true by it.

The payload of a piece of work, written by the scheduler (create, extend, manage) or by the API side (delete):

===================  =============================================================================================
volume               `Volume.plain()` as it was when the work was queued; the row of now is what counts
pool_id              host@backend#pool: where
claim_key            the claim that this work makes real
new_size_gb          extend: the size it grows to
ref                  manage: what names the existing volume, as the backend wants it
reservation          quota: committed when the work succeeds, given up when it fails
request_spec,        create: the question that was put to the scheduler; goes back to it where another attempt is
filter_properties    allowed, with `retry.exc` saying why this one failed
max_attempts         create: scheduler_max_attempts; another attempt is allowed while `retry.num_attempts` is less
===================  =============================================================================================

Everything may be done again: a backend's methods are harmless the second time, and a piece of work whose volume is no
longer waiting for it does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from volsched.domain.events import Event, Priority
from volsched.domain.identity import derived_id
from volsched.domain.plain import plain
from volsched.domain.ports import Clock
from volsched.domain.volume import Volume, VolumeStatus
from volsched.domain.work import Message, Outcome, Work, WorkRequest, WorkState
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost
from volsched.plugins import StorageBackend
from volsched.service.casting import scheduler_work

LOG = logging.getLogger(__name__)

#: Codes of the messages that users read, stable for programs.
STORAGE_FAILED, BAD_REFERENCE = "VS-STORAGE", "VS-BAD-REQUEST"
MOST_EXC = 1000
#: What a user is told could not be done.
DONE_TO_A_VOLUME: Mapping[str, str] = MappingProxyType(
    {"create": "created", "delete": "deleted", "extend": "extended", "manage": "taken under management"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work with all that its operation needs."""

    work: Work
    volume: Volume  # the row of now
    backend_id: str
    backend: StorageBackend
    clock: Clock
    publisher: str

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
    def claims(self) -> tuple[str, ...]:
        key = self.payload.get("claim_key")
        return (str(key),) if key else ()

    def event(self, moment: str, priority: Priority = Priority.INFO, **more: Any) -> Event:
        """`volume.<operation>.<moment>`; of a start there is one an attempt, of every other one in all."""
        event_type = f"volume.{self.work.operation}.{moment}"
        once = (self.work.lease.attempt,) if moment == "start" else ()
        return Event(
            id=derived_id("event", self.work.id, event_type, *once),
            event_type=event_type,
            priority=priority,
            occurred_at=self.clock().isoformat(),
            publisher=self.publisher,
            volume_id=self.volume.id,
            project_id=self.volume.project_id,
            payload={"volume": self.volume.plain(), "pool_id": self.pool_id, **more},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that an agent can do to a volume."""

    waits_in: VolumeStatus  # where the volume is while the work waits: in any other status it is not wanted any more
    carry_out: Callable[[Job], Outcome]
    failed: Callable[[Job, Exception], Outcome]


def outcome_of(job: Job) -> Outcome:
    """Do the work; returns what becomes true by it, also where it failed. Raises DatabaseUnavailable, LeaseLost."""
    operation = OPERATIONS.get(job.work.operation)
    if operation is None:
        problem = f"this agent does not know the operation {job.work.operation!r}: upgrade volsched on its host"
        return _failed(job, InvalidRequest("operation", problem), VolumeStatus.ERROR)
    try:
        return operation.carry_out(job)
    except (DatabaseUnavailable, LeaseLost):
        raise  # nothing is known to be wrong with the volume; the work is taken up again
    except Exception as problem:  # a backend is a plugin: whatever it raises, the volume must not wait for ever
        LOG.error("%s of volume %s in %s failed: %s", job.work.operation, job.volume.id, job.pool_id, problem)
        LOG.debug("where it failed", exc_info=True)
        return operation.failed(job, problem)


def unwanted(work: Work, volume: Volume | None) -> str | None:
    """Why the work is not wanted any more; None where it is."""
    if volume is None:
        return "the volume is gone"
    operation = OPERATIONS.get(work.operation)
    if operation is not None and volume.status is not operation.waits_in:
        return f"the volume is {volume.status}, not {operation.waits_in}"
    if work.operation == "create" and volume.host != work.payload.get("pool_id"):
        return f"the volume was placed elsewhere since, in {volume.host}"
    return None


# -- what is done ------------------------------------------------------------------------------------------------------


def _create(job: Job) -> Outcome:
    location = job.backend.create_volume(job.volume, job.pool)
    done = job.clock()
    return _done(job, done, {"provider_location": location, "launched_at": done.isoformat()})


def _extend(job: Job) -> Outcome:
    new_size = job.payload.get("new_size_gb")
    if not isinstance(new_size, int):
        raise InvalidRequest("new_size_gb", f"{new_size!r} is no whole number of GiB")
    job.backend.extend_volume(job.volume, job.pool, new_size)
    return _done(job, job.clock(), {"size_gb": new_size})


def _manage(job: Job) -> Outcome:
    ref = job.payload.get("ref")
    if not isinstance(ref, Mapping):
        raise InvalidRequest("ref", f"{ref!r} is no mapping that names an existing volume")
    found = job.backend.manage_existing(job.volume, job.pool, ref)
    done = job.clock()
    return _done(
        job,
        done,
        {
            "size_gb": found.size_gb,
            "provider_location": found.provider_location,
            "launched_at": done.isoformat(),
        },
    )


def _delete(job: Job) -> Outcome:
    job.backend.delete_volume(job.volume, job.pool)
    return Outcome(
        volume_id=job.volume.id,
        remove_volume=True,
        release=job.claims,
        events=(job.event("end"),),
        commit_reservation=job.payload.get("reservation"),
    )


def _done(job: Job, done: datetime, changes: Mapping[str, Any]) -> Outcome:
    """The volume is available. `done` is taken after the work: a report that was begun before may not know of it."""
    return Outcome(
        volume_id=job.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE, **changes},
        confirm=job.claims,
        confirmed_at=done,
        events=(job.event("end", **changes),),
        commit_reservation=job.payload.get("reservation"),
    )


# -- what becomes true when it fails -----------------------------------------------------------------------------------


def _create_failed(job: Job, problem: Exception) -> Outcome:
    left = _cleared_away(job)
    detail = {"reason": str(problem), **({"left_behind": left} if left else {})}
    again = None if isinstance(problem, InvalidRequest) else _another_attempt(job, problem)
    if again is None:
        return _failed(job, problem, VolumeStatus.ERROR, detail)
    asked = (job.payload.get("request_spec") or {}).get("volume_properties") or {}
    nowhere = {
        "status": VolumeStatus.CREATING,
        "host": None,
        "cluster_name": None,
        "scheduled_at": None,
        "availability_zone": asked.get("availability_zone"),
    }
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        volume_changes=nowhere,
        release=job.claims,
        follow_up=(again,),
        events=(job.event("reschedule", Priority.WARN, **detail),),
    )


def _another_attempt(job: Job, problem: Exception) -> WorkRequest | None:
    """The same question to the scheduler again, with the record of this attempt; None where there were enough."""
    properties = job.payload.get("filter_properties") or {}
    retry = properties.get("retry")
    if not retry or not job.payload.get("request_spec"):
        return None
    attempt = retry.get("num_attempts", 0)
    if attempt >= job.payload.get("max_attempts", 0):
        return None
    asker = {"project_id": job.volume.project_id, "user_id": job.volume.user_id}
    again = {**retry, "exc": str(problem)[:MOST_EXC]}
    return scheduler_work(
        "create",
        job.volume.id,
        job.payload.get("context") or asker,
        {
            "request_spec": job.payload["request_spec"],
            "filter_properties": {**properties, "retry": again},
            "volume": {**job.volume.plain(), "host": None, "cluster_name": None, "scheduled_at": None},
        },
        mark=f"attempt-{attempt + 1}",
    )


def _cleared_away(job: Job) -> str | None:
    """Nothing of a volume that could not be made may stay: it may be made elsewhere. Returns why something did."""
    try:
        job.backend.delete_volume(job.volume, job.pool)
    except Exception as problem:  # noqa: BLE001 - a plugin again; it goes into the event and the log
        LOG.warning("what is left of volume %s in %s was not removed: %s", job.volume.id, job.pool_id, problem)
        return str(problem)
    return None


def _manage_failed(job: Job, problem: Exception) -> Outcome:
    """A reference that will not do is the asker's mistake: the row goes away, as if nothing had been asked."""
    if not isinstance(problem, InvalidRequest):
        return _failed(job, problem, VolumeStatus.ERROR_MANAGING)
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        remove_volume=True,
        release=job.claims,
        events=(job.event("error", Priority.ERROR, reason=str(problem)),),
        message=_message(job, BAD_REFERENCE, f"nothing was taken under management: {problem}"),
        cancel_reservation=job.payload.get("reservation"),
    )


def _ends_in(status: VolumeStatus, *, keeps_room: bool = False) -> Callable[[Job, Exception], Outcome]:
    """A failure after which the volume is in this status. `keeps_room`: what it has stays claimed."""

    def failed(job: Job, problem: Exception) -> Outcome:
        return _failed(job, problem, status, keeps_room=keeps_room)

    return failed


def _failed(
    job: Job,
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
        message=_message(job, STORAGE_FAILED, told),
        cancel_reservation=job.payload.get("reservation"),
    )


def _message(job: Job, code: str, text: str) -> Message:
    return Message(volume_id=job.volume.id, project_id=job.volume.project_id, code=code, text=text)


#: Everything that an agent can do. Another operation is another line here.
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "create": Operation(waits_in=VolumeStatus.CREATING, carry_out=_create, failed=_create_failed),
        "delete": Operation(
            waits_in=VolumeStatus.DELETING,
            carry_out=_delete,
            failed=_ends_in(VolumeStatus.ERROR_DELETING, keeps_room=True),
        ),
        "extend": Operation(
            waits_in=VolumeStatus.EXTENDING, carry_out=_extend, failed=_ends_in(VolumeStatus.ERROR_EXTENDING)
        ),
        "manage": Operation(waits_in=VolumeStatus.MANAGING, carry_out=_manage, failed=_manage_failed),
    }
)
