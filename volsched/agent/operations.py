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

What the other operations have in theirs stands in agent_moves and agent_snapshots.

Everything may be done again: a backend's methods are harmless the second time, and a piece of work whose volume is no
longer waiting for it does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from volsched.agent import moves, snapshots
from volsched.agent.job import (
    BAD_REFERENCE,
    STORAGE_FAILED,
    Operation,
    OperationContext,
    done_at,
    ends_in,
    failed_in,
    message,
)
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, StorageMismatch
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.event import Priority
from volsched.model.parsing import size_from
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem, WorkRequest, WorkState
from volsched.plugins import clones, takes_snapshots

LOG = logging.getLogger(__name__)

MOST_EXC = 1000
NOT_TAKEN = (
    "nothing was taken under management: what was named cannot be taken, or is not there. "
    "Ask your operator, who has been told."
)


def outcome_of(job: OperationContext) -> Outcome:
    """Do the work; returns what becomes true by it, also where it failed. Raises DatabaseUnavailable, LeaseLost."""
    operation = OPERATIONS.get(job.work.operation)
    if operation is None:
        problem = f"this agent does not know the operation {job.work.operation!r}: upgrade volsched on its host"
        return failed_in(job, InvalidRequest("operation", problem), VolumeStatus.ERROR)
    try:
        return operation.carry_out(job)
    except (DatabaseUnavailable, LeaseLost):
        raise  # nothing is known to be wrong with the volume; the work is taken up again
    except Exception as problem:  # a backend is a plugin: whatever it raises, the volume must not wait for ever
        LOG.error("%s of volume %s in %s failed: %s", job.work.operation, job.volume.id, job.pool_id, problem)
        LOG.debug("where it failed", exc_info=True)
        outcome = operation.failed(job, problem)
        return _damaged(job, outcome, problem) if isinstance(problem, StorageMismatch) else outcome


def _damaged(job: OperationContext, outcome: Outcome, problem: StorageMismatch) -> Outcome:
    """The same outcome, with the volume in `error`: its storage holds less than its row says."""
    status = outcome.volume_changes.get("status")
    if status is VolumeStatus.CREATING or (status is None and job.volume.status is not VolumeStatus.AVAILABLE):
        return outcome  # placed once more, or busy with something else
    text = (
        f"the volume was left as it is: its storage holds {problem.found_bytes} bytes of it instead of "
        f"{problem.expected_bytes}. Ask your operator, and name volume {job.volume.id}."
    )
    return replace(
        outcome,
        volume_changes={**outcome.volume_changes, "status": VolumeStatus.ERROR},
        message=message(job, STORAGE_FAILED, text),
    )


def unwanted(work: WorkItem, volume: Volume | None) -> str | None:
    """Why the work is not wanted any more; None where it is."""
    if volume is None:
        return "the volume is gone"
    operation = OPERATIONS.get(work.operation)
    if operation is None:
        return None
    if volume.status not in operation.waits_in:
        return f"the volume is {volume.status}, not {' or '.join(sorted(operation.waits_in))}"
    return operation.unwanted(work, volume)


def _elsewhere(work: WorkItem, volume: Volume) -> str | None:
    if volume.host != work.payload.get("pool_id"):
        return f"the volume was placed elsewhere since, in {volume.host}"
    return None


# -- what is done ------------------------------------------------------------------------------------------------------


def _create(job: OperationContext) -> Outcome:
    location = _made(job)
    done = job.clock()
    return done_at(job, done, {"provider_location": location, "launched_at": done.isoformat()})


def _made(job: OperationContext) -> str:
    """The volume, empty or out of what it is to begin as; returns where it is."""
    volume = job.volume
    if volume.snapshot_id is not None:
        return takes_snapshots(job.backend, job.backend_id).create_from_snapshot(job.attempt, volume.snapshot_id)
    if volume.source_volid is not None:
        source = (job.payload.get("request_spec") or {}).get("source_volume")
        if source is None:
            raise InvalidRequest("source_volume", f"the work does not say what {volume.source_volid} is")
        return clones(job.backend, job.backend_id).clone(job.attempt, Volume.parse(source))
    return job.backend.create_volume(job.attempt)


def _extend(job: OperationContext) -> Outcome:
    new_size = size_from(job.payload.get("new_size_gb"), "new_size_gb")
    job.backend.extend_volume(job.attempt, new_size)
    return done_at(job, job.clock(), {"size_gb": new_size})


def _manage(job: OperationContext) -> Outcome:
    ref = job.payload.get("ref")
    if not isinstance(ref, Mapping):
        raise InvalidRequest("ref", f"{ref!r} is no mapping that names an existing volume")
    found = job.backend.manage_existing(job.attempt, ref)
    done = job.clock()
    return done_at(
        job,
        done,
        {
            "size_gb": found.size_gb,
            "provider_location": found.provider_location,
            "launched_at": done.isoformat(),
        },
        dict.fromkeys(job.claims, float(found.size_gb)),
    )


def _delete(job: OperationContext) -> Outcome:
    job.backend.delete_volume(job.attempt)
    return Outcome(
        volume_id=job.volume.id,
        remove_volume=True,
        release=job.claims,
        events=(job.event("end"),),
        commit_reservation=job.payload.get("reservation"),
    )


# -- what becomes true when it fails -----------------------------------------------------------------------------------


def _create_failed(job: OperationContext, problem: Exception) -> Outcome:
    # Where the storage holds something else than this work would have made, that is not this work's to remove.
    left = str(problem) if isinstance(problem, StorageMismatch) else _cleared_away(job)
    detail = {"reason": str(problem), **({"left_behind": left} if left else {})}
    again = None if isinstance(problem, InvalidRequest) else _another_attempt(job, problem)
    if again is None:
        return failed_in(job, problem, VolumeStatus.ERROR, detail)
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


def _another_attempt(job: OperationContext, problem: Exception) -> WorkRequest | None:
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


def _cleared_away(job: OperationContext) -> str | None:
    """Nothing of a volume that could not be made may stay: it may be made elsewhere. Returns why something did."""
    try:
        job.backend.delete_volume(job.attempt)
    except (DatabaseUnavailable, LeaseLost):
        raise  # the volume may be another process's by now
    except Exception as problem:  # noqa: BLE001 - a plugin again; it goes into the event and the log
        LOG.warning("what is left of volume %s in %s was not removed: %s", job.volume.id, job.pool_id, problem)
        return str(problem)
    return None


def _manage_failed(job: OperationContext, problem: Exception) -> Outcome:
    """A reference that will not do is the asker's mistake: the row goes away, as if nothing had been asked."""
    if not isinstance(problem, InvalidRequest):
        return failed_in(job, problem, VolumeStatus.ERROR_MANAGING)
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        remove_volume=True,
        release=job.claims,
        events=(job.event("error", Priority.ERROR, reason=str(problem)),),
        message=message(job, BAD_REFERENCE, NOT_TAKEN),
        cancel_reservation=job.payload.get("reservation"),
    )


#: Everything that an agent can do. Another operation is another line here.
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "create": Operation(
            waits_in=frozenset({VolumeStatus.CREATING}), carry_out=_create, failed=_create_failed, unwanted=_elsewhere
        ),
        "delete": Operation(
            waits_in=frozenset({VolumeStatus.DELETING}),
            carry_out=_delete,
            failed=ends_in(VolumeStatus.ERROR_DELETING, keeps_room=True),
        ),
        "extend": Operation(
            waits_in=frozenset({VolumeStatus.EXTENDING}),
            carry_out=_extend,
            failed=ends_in(VolumeStatus.ERROR_EXTENDING),
        ),
        "manage": Operation(waits_in=frozenset({VolumeStatus.MANAGING}), carry_out=_manage, failed=_manage_failed),
        **moves.OPERATIONS,
        **snapshots.OPERATIONS,
    }
)
