"""Extend: the volume's own pool must have room for the growth."""

from __future__ import annotations

from volsched.model.claim import Placement, extend_key
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkItem
from volsched.scheduler.operation import VolumeOperation


class Extend(VolumeOperation):
    """Claims the growth in the pool of the volume."""

    waits_in = VolumeStatus.EXTENDING

    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        return self.passes(work, str(volume.host), "extend_volume")

    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement:
        new_size_gb = work.payload["new_size_gb"]
        key, growth_gb = extend_key(volume.id, new_size_gb), new_size_gb - volume.size_gb
        return self.same_in_pool(work, volume, decision, pool, key, growth_gb)
