"""Migrate: the pool that was asked for, or the best other pool of the backend that was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import NoValidBackend
from volsched.model.claim import Placement, migrate_key
from volsched.model.decision import Decision
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkItem, offer_work
from volsched.scheduler.operation import VolumeOperation


class Migrate(VolumeOperation):
    """Claims the room in the new pool; the agent of the old one begins the move."""

    waits_in = VolumeStatus.MIGRATING

    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        wanted = work.payload["backend"]
        decision = self.passes(work, wanted, "migrate_volume")
        if decision.chosen is not None and decision.chosen.pool_id != volume.host:
            return decision
        for pool in decision.ranked:
            if pool.is_named(wanted) and pool.pool_id != volume.host:
                return replace(decision, chosen=pool)
        raise NoValidBackend(f"the volume is in {volume.host}, and no other pool of {wanted} will do", decision)

    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement:
        return move_to(self, work, volume, decision, pool, {})


def move_to(
    operation: VolumeOperation,
    work: WorkItem,
    volume: Volume,
    decision: Decision,
    pool: PoolState,
    becomes: Mapping[str, Any],
) -> Placement:
    """Return the claim of room in the new pool, after which the agent of the old one offers the volume.

    `becomes`: what changes in the volume's row, besides its place, once it is there.
    """
    key = migrate_key(volume.id, pool.pool_id)
    payload = {
        "from_pool": volume.host,
        "to_pool": pool.pool_id,
        "claim_key": key,
        "changes": {"cluster_name": pool.cluster_pool_id, "availability_zone": pool.zone, **becomes},
        "reservation": work.payload.get("reservation"),
    }
    offer = offer_work(derived_id("work", work.id, "offer"), volume, payload)
    return operation.claim_in(work, volume, decision, pool, key, volume.size_gb, offer)
