"""Take an existing volume of the storage under management."""

from __future__ import annotations

from collections.abc import Mapping

from volsched.agent.context import BAD_REFERENCE, Operation, OperationContext, available, failed_in, message
from volsched.exceptions import InvalidRequest
from volsched.model.event import Priority
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome, WorkState

NOT_MANAGED = (
    "nothing was taken under management: the reference cannot be used, or nothing is there. "
    "Ask your operator, who has the reason."
)


def _manage(context: OperationContext) -> Outcome:
    ref = context.payload.get("ref")
    if not isinstance(ref, Mapping):
        raise InvalidRequest("ref", f"expected a mapping that names an existing volume, got {ref!r}")
    found = context.backend.manage_existing(context.attempt, ref)
    done = context.clock()
    return available(
        context,
        done,
        {
            "size_gb": found.size_gb,
            "provider_location": found.provider_location,
            "launched_at": done.isoformat(),
        },
        dict.fromkeys(context.claims, float(found.size_gb)),
    )


def _manage_failed(context: OperationContext, problem: Exception) -> Outcome:
    """Delete the row if the reference is the caller's mistake, as if nothing had been requested."""
    if not isinstance(problem, InvalidRequest):
        return failed_in(context, problem, VolumeStatus.ERROR_MANAGING)
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        remove_volume=True,
        release=context.claims,
        events=(context.event("error", Priority.ERROR, reason=str(problem)),),
        message=message(context, BAD_REFERENCE, NOT_MANAGED),
        cancel_reservation=context.payload.get("reservation"),
    )


MANAGE = Operation(statuses=frozenset({VolumeStatus.MANAGING}), run=_manage, on_failure=_manage_failed)
