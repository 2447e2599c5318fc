"""Snapshot: the volume's own pool must have room for as much as the volume has."""

from __future__ import annotations

from volsched.model.claim import Placement, snapshot_key
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume
from volsched.model.work import Outcome, RowChange, WorkItem, pool_work
from volsched.scheduler.operation import VolumeOperation, agent_work_id


class TakeSnapshot(VolumeOperation):
    """Claims the snapshot's size in the pool of the volume. The volume's status does not matter."""

    def is_waiting(self, volume: Volume) -> bool:
        return volume.host is not None

    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        return self.passes(work, str(volume.host), "create_snapshot")

    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement:
        snapshot = Snapshot.parse(work.payload["snapshot"])
        key = snapshot_key(snapshot.id)
        payload = {"volume": volume.plain(), "snapshot": snapshot.plain(), "claim_key": key}
        agent_work = pool_work("snapshot", agent_work_id(work), volume.id, pool.pool_id, payload)
        return self.claim_in(work, volume, decision, pool, key, snapshot.size_gb, agent_work)

    def refused(self, work: WorkItem) -> Outcome:
        snapshot_id = work.payload["snapshot"]["id"]
        return Outcome(
            rows=(RowChange(kind="snapshot", id=snapshot_id, changes={"status": SnapshotStatus.ERROR.value}),)
        )
