"""Create a volume: empty, or with the content of a snapshot or of another volume."""

from __future__ import annotations

import logging

from volsched.agent.context import Operation, OperationContext, available, failed_in
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, StorageMismatch
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.event import Priority
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem, WorkRequest, WorkState
from volsched.plugins import clones, takes_snapshots

LOG = logging.getLogger(__name__)

#: The most characters of an error in the retry record.
MOST_EXC = 1000


def _create(context: OperationContext) -> Outcome:
    location = _create_in_backend(context)
    done = context.clock()
    return available(context, done, {"provider_location": location, "launched_at": done.isoformat()})


def _create_in_backend(context: OperationContext) -> str:
    """Create the volume, empty or from its source (snapshot or volume); return its location."""
    volume = context.volume
    if volume.snapshot_id is not None:
        return takes_snapshots(context.backend, context.backend_id).create_from_snapshot(
            context.attempt, volume.snapshot_id
        )
    if volume.source_volid is not None:
        source = (context.payload.get("request_spec") or {}).get("source_volume")
        if source is None:
            raise InvalidRequest(
                "source_volume", f"expected the source volume {volume.source_volid} in the work item, got none"
            )
        return clones(context.backend, context.backend_id).clone(context.attempt, Volume.parse(source))
    return context.backend.create_volume(context.attempt)


def _create_failed(context: OperationContext, problem: Exception) -> Outcome:
    # Storage that holds something else than this work item makes is not removed.
    left = str(problem) if isinstance(problem, StorageMismatch) else _removed(context)
    detail = {"reason": str(problem), **({"left_behind": left} if left else {})}
    again = None if isinstance(problem, InvalidRequest) else _another_attempt(context, problem)
    if again is None:
        return failed_in(context, problem, VolumeStatus.ERROR, detail)
    properties = (context.payload.get("request_spec") or {}).get("volume_properties") or {}
    unplaced = {
        "status": VolumeStatus.CREATING,
        "host": None,
        "cluster_name": None,
        "scheduled_at": None,
        "availability_zone": properties.get("availability_zone"),
    }
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        volume_changes=unplaced,
        release=context.claims,
        follow_up=(again,),
        events=(context.event("reschedule", Priority.WARN, **detail),),
    )


def _another_attempt(context: OperationContext, problem: Exception) -> WorkRequest | None:
    """Return the same request to the scheduler, with a record of this attempt; None if no attempt is left."""
    properties = context.payload.get("filter_properties") or {}
    retry = properties.get("retry")
    if not retry or not context.payload.get("request_spec"):
        return None
    attempt = retry.get("num_attempts", 0)
    if attempt >= context.payload.get("max_attempts", 0):
        return None
    owner = {"project_id": context.volume.project_id, "user_id": context.volume.user_id}
    again = {**retry, "exc": str(problem)[:MOST_EXC]}
    return scheduler_work(
        "create",
        context.volume.id,
        context.payload.get("context") or owner,
        {
            "request_spec": context.payload["request_spec"],
            "filter_properties": {**properties, "retry": again},
            "volume": {**context.volume.plain(), "host": None, "cluster_name": None, "scheduled_at": None},
        },
        mark=f"attempt-{attempt + 1}",
    )


def _removed(context: OperationContext) -> str | None:
    """Remove what is left of the volume, which may be created elsewhere now; return why something is left."""
    try:
        context.backend.delete_volume(context.attempt)
    except (DatabaseUnavailable, LeaseLost):
        raise  # another process may have the volume now
    except Exception as problem:  # noqa: BLE001 - a plugin: its error goes into the event and the log
        LOG.warning("what is left of volume %s in %s was not removed: %s", context.volume.id, context.pool_id, problem)
        return str(problem)
    return None


def _obsolete(work: WorkItem, volume: Volume) -> str | None:
    if volume.host != work.payload.get("pool_id"):
        return f"the volume was placed in {volume.host} meanwhile"
    return None


CREATE = Operation(
    statuses=frozenset({VolumeStatus.CREATING}), run=_create, on_failure=_create_failed, obsolete=_obsolete
)
