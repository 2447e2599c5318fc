"""The scheduler's part in snapshots: has the volume's own pool the room."""

from __future__ import annotations

from volsched.exceptions import DatabaseUnavailable, LeaseLost, VolschedError
from volsched.model.claim import Claim
from volsched.model.decision import Decision
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.request import Operation
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.work import Outcome, RowChange, WorkItem, WorkRequest, agent_queue
from volsched.scheduler.outcomes import OutcomeRecorder


def snapshot(answers: OutcomeRecorder, work: WorkItem) -> None:
    """Claim as much as the volume has, in its pool, and let its agent take the snapshot."""
    volume = answers.current(work)
    if volume is None or volume.host is None:
        answers.end(work)
        return
    payload = work.payload
    wanted = Snapshot.parse(payload["snapshot"])
    where = volume.host

    def decide() -> Decision:
        return answers.driver.judge(
            payload["context"], where, payload["request_spec"], payload["filter_properties"], Operation.SNAPSHOT
        )

    def take(decision: Decision, pool: PoolState) -> None:
        claim = Claim(
            key=wanted.id, volume_id=volume.id, pool_id=pool.pool_id, size_gb=wanted.size_gb, made_at=answers.clock()
        )
        handed_over = WorkRequest(
            id=derived_id("work", work.id, "agent"),
            queue=agent_queue(pool.backend_id),
            operation="snapshot",
            volume_id=volume.id,
            payload={
                "volume": volume.plain(),
                "snapshot": wanted.plain(),
                "pool_id": pool.pool_id,
                "claim_key": wanted.id,
            },
        )
        answers.claim(work, decision, volume, claim, handed_over)

    try:
        answers.place(decide, take)
    except (LeaseLost, DatabaseUnavailable):
        raise
    except VolschedError as refusal:
        error = RowChange(kind="snapshot", id=wanted.id, changes={"status": SnapshotStatus.ERROR.value})
        answers.refuse(work, volume, refusal, Outcome(rows=(error,)))
