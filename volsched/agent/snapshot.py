"""Take and delete snapshots. The volume itself stays as it is, also after a failure.

The payload, beside that of all work items: `snapshot` is `Snapshot.plain()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.agent.context import STORAGE_FAILED, Operation, OperationContext, message
from volsched.model.event import Priority
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome, RowChange, WorkState
from volsched.plugins import takes_snapshots

#: Work items of one volume are done in their order, so a later one may have set the status.
ANY = frozenset(VolumeStatus)


def _snapshot_of(context: OperationContext) -> Snapshot:
    return Snapshot.parse(context.payload["snapshot"])


def _row(context: OperationContext, changes: Mapping[str, Any] | None) -> tuple[RowChange, ...]:
    return (RowChange(kind="snapshot", id=_snapshot_of(context).id, changes=changes),)


def _take(context: OperationContext) -> Outcome:
    snapshot = _snapshot_of(context)
    takes_snapshots(context.backend, context.backend_id).snapshot(context.attempt, snapshot.id)
    done = context.clock()
    return Outcome(
        volume_id=context.volume.id,
        confirm=context.claims,
        confirmed_at=done,
        rows=_row(context, {"status": SnapshotStatus.AVAILABLE.value}),
        events=(context.event("end", snapshot=snapshot.plain()),),
    )


def _delete(context: OperationContext) -> Outcome:
    snapshot = _snapshot_of(context)
    takes_snapshots(context.backend, context.backend_id).delete_snapshot(context.attempt, snapshot.id)
    return Outcome(
        volume_id=context.volume.id,
        release=context.claims,
        rows=_row(context, None),
        events=(context.event("end", snapshot=snapshot.plain()),),
    )


def _take_failed(context: OperationContext, problem: Exception) -> Outcome:
    """A snapshot is published whole or not at all, so there is nothing to remove."""
    return _failed(context, problem, "taken", SnapshotStatus.ERROR, context.claims)


def _delete_failed(context: OperationContext, problem: Exception) -> Outcome:
    return _failed(context, problem, "removed", SnapshotStatus.ERROR_DELETING, ())


def _failed(
    context: OperationContext, problem: Exception, done: str, status: SnapshotStatus, release: tuple[str, ...]
) -> Outcome:
    snapshot = _snapshot_of(context)
    text = (
        f"snapshot {snapshot.id} could not be {done}: the volume's storage reported a problem. "
        "Try again later; if it fails again, ask your operator."
    )
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=context.volume.id,
        release=release,
        rows=_row(context, {"status": status.value}),
        events=(context.event("error", Priority.ERROR, snapshot=snapshot.plain(), reason=str(problem)),),
        message=message(context, STORAGE_FAILED, text),
    )


SNAPSHOT = Operation(statuses=ANY, run=_take, on_failure=_take_failed)
DELETE_SNAPSHOT = Operation(statuses=ANY, run=_delete, on_failure=_delete_failed)
