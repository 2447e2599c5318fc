"""Retype: the pool that the volume is in, if it fits the new type; else a move."""

from __future__ import annotations

from volsched.model.claim import Placement
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem
from volsched.scheduler.migrate import move_to
from volsched.scheduler.operation import VolumeOperation


class Retype(VolumeOperation):
    """Changes the row alone where the volume can stay; claims nothing then."""

    waits_in = VolumeStatus.RETYPING

    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        payload = work.payload
        spec = {**payload["request_spec"], "operation": "retype_volume"}
        return self.driver.find_retype_backend(
            payload["context"], spec, payload["filter_properties"], payload["migration_policy"]
        )

    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement | None:
        becomes = {"volume_type_id": work.payload["new_type_id"]}
        if pool.pool_id == volume.host:
            return None
        return move_to(self, work, volume, decision, pool, becomes)

    def claimed(self, work: WorkItem, volume: Volume, decision: Decision) -> None:
        if decision.chosen is None or decision.chosen.pool_id != volume.host:
            return
        payload = work.payload
        becomes = {"volume_type_id": payload["new_type_id"]}
        outcome = Outcome(
            volume_id=volume.id,
            volume_changes={**becomes, "status": VolumeStatus.AVAILABLE},
            commit_reservation=payload.get("reservation"),
        )
        self.recorder.finish(work, outcome, decision, {"pool": volume.host, **becomes})
