"""Manage: the backend of an existing volume must exist and pass the filters."""

from __future__ import annotations

from volsched.model.claim import Placement, create_key
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkItem
from volsched.scheduler.operation import VolumeOperation


class Manage(VolumeOperation):
    """Writes the pool into the volume's row. The claim is of 0 GiB until the agent finds the size."""

    waits_in = VolumeStatus.MANAGING
    refused_to = None

    def is_waiting(self, volume: Volume) -> bool:
        return volume.status is self.waits_in

    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        return self.passes(work, work.payload["backend"], "manage_existing")

    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement:
        return self.same_in_pool(work, volume, decision, pool, create_key(volume.id), 0)
