"""Delete a volume."""

from __future__ import annotations

from volsched.agent.context import Operation, OperationContext, ends_in
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome


def _delete(context: OperationContext) -> Outcome:
    context.backend.delete_volume(context.attempt)
    return Outcome(
        volume_id=context.volume.id,
        remove_volume=True,
        release=context.claims,
        events=(context.event("end"),),
        commit_reservation=context.payload.get("reservation"),
    )


DELETE = Operation(
    statuses=frozenset({VolumeStatus.DELETING}),
    run=_delete,
    on_failure=ends_in(VolumeStatus.ERROR_DELETING, keeps_room=True),
)
