"""Moving a volume to another pool: offered where it is, copied where it goes, cleared away where it is no more.

Each step is a piece of work of the agent concerned, and queues the next one in the transaction that ends it, so that a
crash at any moment leaves the volume whole where its row says that it is. Where a move is off, nothing is removed: a
copy is there whole or not at all, and whatever else has the volume's name in the new pool is not ours to judge.

=========  ==============================  =============================================================
offer      the agent of the old pool       then `migrate`; where it fails, the move is off
migrate    the agent of the new pool       then the row says the new pool, and `clear`; where it fails, the move is off
clear      the agent of the old pool       then the claims there are given back, and the volume is available
=========  ==============================  =============================================================

The payload, beside what all work has: `pool_id` is the pool where the step is done, `from_pool` and `to_pool` where the
volume moves; `claim_key` the room in the new pool; `changes` what the row says once it is there (zone, cluster, for a
retype the type); `offer` what the first step gave; `location` where the backend kept what is to be cleared.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from volsched.agent.job import STORAGE_FAILED, Operation, OperationContext, message
from volsched.model.event import Priority
from volsched.model.identity import derived_id
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem, WorkRequest, WorkState, pool_work
from volsched.plugins import migrates

LOG = logging.getLogger(__name__)

MOVING = frozenset({VolumeStatus.MIGRATING, VolumeStatus.RETYPING})
NOT_MOVED = (
    "the volume was not moved, and stays as it is: its storage reported a problem. "
    "Try again later; if it fails again, ask your operator, and name volume {id}."
)


def _next(job: OperationContext, operation: str, pool_id: str, **more: Any) -> WorkRequest:
    work_id = derived_id("work", job.work.id, operation)
    return pool_work(operation, work_id, job.volume.id, pool_id, {**job.payload, **more})


# -- what is done ------------------------------------------------------------------------------------------------------


def _offer(job: OperationContext) -> Outcome:
    offered = dict(migrates(job.backend, job.backend_id).offer(job.attempt))
    return Outcome(volume_id=job.volume.id, follow_up=(_next(job, "migrate", job.payload["to_pool"], offer=offered),))


def _migrate(job: OperationContext) -> Outcome:
    location = migrates(job.backend, job.backend_id).migrate(job.attempt, job.payload["offer"])
    done = job.clock()
    changes = {**job.payload["changes"], "host": job.pool_id, "provider_location": location}
    return Outcome(
        volume_id=job.volume.id,
        volume_changes=changes,
        confirm=job.claims,
        confirmed_at=done,
        follow_up=(_next(job, "clear", job.payload["from_pool"], location=job.volume.provider_location),),
        events=(job.event("end", **changes, from_pool=job.payload["from_pool"]),),
        commit_reservation=job.payload.get("reservation"),
    )


def _clear(job: OperationContext) -> Outcome:
    left = Outcome(
        volume_id=job.volume.id, volume_changes={"status": VolumeStatus.AVAILABLE}, left_pool=job.payload["pool_id"]
    )
    if job.volume.host == job.pool_id:  # never remove a volume where it lives
        LOG.error("volume %s lives in %s, where it was to be cleared away: it stays", job.volume.id, job.pool_id)
        return replace(left, left_pool=None)
    was = replace(job.volume, host=job.pool_id, provider_location=job.payload.get("location"))
    job.backend.delete_volume(job.attempt.of(was))
    return left


# -- what becomes true when it fails -----------------------------------------------------------------------------------


def _not_moved(job: OperationContext, problem: Exception) -> Outcome:
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE},
        left_pool=job.payload["to_pool"],
        events=(job.event("error", Priority.ERROR, reason=str(problem)),),
        message=message(job, STORAGE_FAILED, NOT_MOVED.format(id=job.volume.id)),
        cancel_reservation=job.payload.get("reservation"),
    )


def _clear_failed(job: OperationContext, problem: Exception) -> Outcome:
    """The volume is where its row says all the same; what is left elsewhere is the operator's, and shows in reports."""
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE},
        left_pool=job.pool_id,
        events=(job.event("error", Priority.WARN, left_behind=job.payload.get("location"), reason=str(problem)),),
    )


def _moved(work: WorkItem, volume: Volume) -> str | None:
    if volume.host != work.payload.get("from_pool"):
        return f"the volume is in {volume.host} since"
    return None


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "offer": Operation(waits_in=MOVING, carry_out=_offer, failed=_not_moved, unwanted=_moved, starts=False),
        "migrate": Operation(waits_in=MOVING, carry_out=_migrate, failed=_not_moved, unwanted=_moved),
        "clear": Operation(waits_in=MOVING, carry_out=_clear, failed=_clear_failed, starts=False),
    }
)
