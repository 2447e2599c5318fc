"""Taking and removing snapshots. The volume itself stays as it is, whatever becomes of them.

The payload, beside what all work has: `snapshot` is `Snapshot.plain()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from volsched.agent.job import STORAGE_FAILED, Operation, OperationContext, message
from volsched.model.event import Priority
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome, RowChange, WorkState
from volsched.plugins import takes_snapshots

#: Work of one volume is done in the order in which it came, so its status is whatever came later.
ANY = frozenset(VolumeStatus)


def _snapshot_of(job: OperationContext) -> Snapshot:
    return Snapshot.parse(job.payload["snapshot"])


def _row(job: OperationContext, changes: Mapping[str, Any] | None) -> tuple[RowChange, ...]:
    return (RowChange(kind="snapshot", id=_snapshot_of(job).id, changes=changes),)


def _take(job: OperationContext) -> Outcome:
    snapshot = _snapshot_of(job)
    takes_snapshots(job.backend, job.backend_id).snapshot(job.attempt, snapshot.id)
    done = job.clock()
    return Outcome(
        volume_id=job.volume.id,
        confirm=job.claims,
        confirmed_at=done,
        rows=_row(job, {"status": SnapshotStatus.AVAILABLE.value}),
        events=(job.event("end", snapshot=snapshot.plain()),),
    )


def _delete(job: OperationContext) -> Outcome:
    snapshot = _snapshot_of(job)
    takes_snapshots(job.backend, job.backend_id).delete_snapshot(job.attempt, snapshot.id)
    return Outcome(
        volume_id=job.volume.id,
        release=job.claims,
        rows=_row(job, None),
        events=(job.event("end", snapshot=snapshot.plain()),),
    )


def _take_failed(job: OperationContext, problem: Exception) -> Outcome:
    """A snapshot is there whole or not at all, so there is nothing to clear away."""
    return _failed(job, problem, "taken", SnapshotStatus.ERROR, job.claims)


def _delete_failed(job: OperationContext, problem: Exception) -> Outcome:
    return _failed(job, problem, "removed", SnapshotStatus.ERROR_DELETING, ())


def _failed(
    job: OperationContext, problem: Exception, done: str, status: SnapshotStatus, release: tuple[str, ...]
) -> Outcome:
    snapshot = _snapshot_of(job)
    told = (
        f"snapshot {snapshot.id} could not be {done}: the volume's storage reported a problem. "
        "Try again later; if it fails again, ask your operator."
    )
    return Outcome(
        state=WorkState.FAILED,
        problem=str(problem),
        volume_id=job.volume.id,
        release=release,
        rows=_row(job, {"status": status.value}),
        events=(job.event("error", Priority.ERROR, snapshot=snapshot.plain(), reason=str(problem)),),
        message=message(job, STORAGE_FAILED, told),
    )


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "snapshot": Operation(waits_in=ANY, carry_out=_take, failed=_take_failed),
        "delete_snapshot": Operation(waits_in=ANY, carry_out=_delete, failed=_delete_failed),
    }
)
