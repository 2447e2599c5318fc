"""The operations of the agent. Each is a module that returns an outcome, and one line of OPERATIONS.

The payload of a work item, written by the scheduler (create, extend, manage) or by the API (delete):

===================  =============================================================================================
volume               `Volume.plain()` from when the work was queued; the operation uses the row as it is now
pool_id              host@backend#pool: the pool of the volume
claim_key            the claim that the operation confirms
new_size_gb          extend: the size after it
ref                  manage: the existing volume, in the backend's words
reservation          quota: committed after a success, canceled after a failure
request_spec,        create: the request to the scheduler, which is queued again after a failure, with the reason in
filter_properties    `retry.exc`, while attempts are left
max_attempts         create: scheduler_max_attempts; compared with `retry.num_attempts`
===================  =============================================================================================

The modules `migrate` and `snapshot` name what their payloads contain beside these.

Every operation may be repeated: the methods of a backend are harmless the second time, and a work item whose volume
does not wait for it any more does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from volsched.agent.context import STORAGE_FAILED, Operation, OperationContext, failed_in, message
from volsched.agent.create import CREATE
from volsched.agent.delete import DELETE
from volsched.agent.extend import EXTEND
from volsched.agent.manage import MANAGE
from volsched.agent.migrate import CLEAR, MIGRATE, OFFER
from volsched.agent.snapshot import DELETE_SNAPSHOT, SNAPSHOT
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, StorageMismatch
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem

LOG = logging.getLogger(__name__)

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "create": CREATE,
        "delete": DELETE,
        "extend": EXTEND,
        "manage": MANAGE,
        "offer": OFFER,
        "migrate": MIGRATE,
        "clear": CLEAR,
        "snapshot": SNAPSHOT,
        "delete_snapshot": DELETE_SNAPSHOT,
    }
)


def outcome_of(context: OperationContext) -> Outcome:
    """Run the operation of a work item; return its outcome, or that of its failure.

    Raises DatabaseUnavailable, LeaseLost.
    """
    operation = OPERATIONS.get(context.work.operation)
    if operation is None:
        problem = f"expected an operation of this agent, got {context.work.operation!r}; upgrade volsched on its host"
        return failed_in(context, InvalidRequest("operation", problem), VolumeStatus.ERROR)
    try:
        return operation.run(context)
    except (DatabaseUnavailable, LeaseLost):
        raise  # the storage did not fail; the work item is taken again
    except Exception as problem:  # a backend is a plugin: whatever it raises, the volume must not wait forever
        LOG.error(
            "%s of volume %s in %s failed: %s", context.work.operation, context.volume.id, context.pool_id, problem
        )
        LOG.debug("the failure:", exc_info=True)
        outcome = operation.on_failure(context, problem)
        return _damaged(context, outcome, problem) if isinstance(problem, StorageMismatch) else outcome


def _damaged(context: OperationContext, outcome: Outcome, problem: StorageMismatch) -> Outcome:
    """Return the outcome with the volume in `error`, because its storage holds less than its row says."""
    status = outcome.volume_changes.get("status")
    if status is VolumeStatus.CREATING or (status is None and context.volume.status is not VolumeStatus.AVAILABLE):
        return outcome  # it is placed again, or other work is in progress
    text = (
        f"the volume was left as it is: its storage holds {problem.found_bytes} bytes of it instead of "
        f"{problem.expected_bytes}. Ask your operator, and name volume {context.volume.id}."
    )
    return replace(
        outcome,
        volume_changes={**outcome.volume_changes, "status": VolumeStatus.ERROR},
        message=message(context, STORAGE_FAILED, text),
    )


def obsolete(work: WorkItem, volume: Volume | None) -> str | None:
    """Return why a work item is obsolete; None if it is not."""
    if volume is None:
        return "the volume is gone"
    operation = OPERATIONS.get(work.operation)
    if operation is None:
        return None
    if volume.status not in operation.statuses:
        return f"the volume is {volume.status}, not {' or '.join(sorted(operation.statuses))}"
    return operation.obsolete(work, volume)
