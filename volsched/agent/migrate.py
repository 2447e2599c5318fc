"""Migrate a volume to another pool in three steps: offer it, copy it, and clear the old pool.

Each step is a work item of the agent concerned, and queues the next one in the transaction that ends it: the volume is
whole in the pool of its row after a crash at any moment. A migration that fails removes nothing: a copy is published
whole or not at all, and anything else of the same name in the new pool belongs to somebody else.

=========  ==============================  =============================================================
offer      the agent of the old pool       then `migrate`; after a failure the volume stays where it is
migrate    the agent of the new pool       then the row names the new pool, and `clear`; after a failure as above
clear      the agent of the old pool       then its claims there are released, and the volume is available
=========  ==============================  =============================================================

The payload, beside that of all work items: `pool_id` is the pool of the step, `from_pool` and `to_pool` are those of
the migration; `claim_key` is the claim in the new pool; `changes` are changes of the row after the copy (zone, cluster,
for a retype the type); `offer` is the result of the first step; `location` is the provider location in the old pool.
"""

from __future__ import annotations

import logging
from typing import Any

from msgspec.structs import replace

from volsched.agent.context import STORAGE_FAILED, Operation, OperationContext, message
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


def _next(context: OperationContext, operation: str, pool_id: str, **more: Any) -> WorkRequest:
    work_id = derived_id("work", context.work.id, operation)
    return pool_work(operation, work_id, context.volume.id, pool_id, {**context.payload, **more})


def _offer(context: OperationContext) -> Outcome:
    offered = dict(migrates(context.backend, context.backend_id).offer(context.attempt))
    return Outcome(
        volume_id=context.volume.id, follow_up=(_next(context, "migrate", context.payload["to_pool"], offer=offered),)
    )


def _migrate(context: OperationContext) -> Outcome:
    location = migrates(context.backend, context.backend_id).migrate(context.attempt, context.payload["offer"])
    done = context.clock()
    changes = {**context.payload["changes"], "host": context.pool_id, "provider_location": location}
    return Outcome(
        volume_id=context.volume.id,
        volume_changes=changes,
        confirm=context.claims,
        confirmed_at=done,
        follow_up=(_next(context, "clear", context.payload["from_pool"], location=context.volume.provider_location),),
        events=(context.event("end", **changes, from_pool=context.payload["from_pool"]),),
        commit_reservation=context.payload.get("reservation"),
    )


def _clear(context: OperationContext) -> Outcome:
    left = Outcome(
        volume_id=context.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE},
        left_pool=context.payload["pool_id"],
    )
    if context.volume.host == context.pool_id:  # never remove a volume from the pool of its row
        LOG.error(
            "volume %s is stored in %s and must not be cleared there: it stays", context.volume.id, context.pool_id
        )
        return replace(left, left_pool=None)
    was = replace(context.volume, host=context.pool_id, provider_location=context.payload.get("location"))
    context.backend.delete_volume(context.attempt.of(was))
    return left


def _not_moved(context: OperationContext, problem: Exception) -> Outcome:
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE},
        left_pool=context.payload["to_pool"],
        events=(context.event("error", Priority.ERROR, reason=str(problem)),),
        message=message(context, STORAGE_FAILED, NOT_MOVED.format(id=context.volume.id)),
        cancel_reservation=context.payload.get("reservation"),
    )


def _clear_failed(context: OperationContext, problem: Exception) -> Outcome:
    """The volume is in the pool of its row; what is left in the old pool is reported to the operator."""
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        volume_changes={"status": VolumeStatus.AVAILABLE},
        left_pool=context.pool_id,
        events=(
            context.event("error", Priority.WARN, left_behind=context.payload.get("location"), reason=str(problem)),
        ),
    )


def _obsolete(work: WorkItem, volume: Volume) -> str | None:
    if volume.host != work.payload.get("from_pool"):
        return f"the volume is in {volume.host} meanwhile"
    return None


OFFER = Operation(statuses=MOVING, run=_offer, on_failure=_not_moved, obsolete=_obsolete, start_event=False)
MIGRATE = Operation(statuses=MOVING, run=_migrate, on_failure=_not_moved, obsolete=_obsolete)
CLEAR = Operation(statuses=MOVING, run=_clear, on_failure=_clear_failed, start_event=False)
