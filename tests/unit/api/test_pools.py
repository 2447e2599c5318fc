"""Pools in the API: capacity, cordons, and plans to drain them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from tests import TestCase
from tests.unit.api.case import FAR_POOL, OTHER_POOL, POOL, ApiCase
from volsched.api.pools import CORDON_OPERATIONS, Pool
from volsched.db.backends import PoolRecord
from volsched.exceptions import InvalidRequest, PoolNotFound
from volsched.model.request import Operation
from volsched.model.volume import VolumeStatus

THIN = PoolRecord(
    pool_id="h@b#p",
    backend_id="h@b",
    name="p",
    present=True,
    zone="east",
    total_gb=20.0,
    free_gb=20.0,
    allocated_gb=0.0,
    provisioned_gb=12.0,
    reserved_percentage=10.0,
    max_over_subscription_ratio=1.5,
    thin=True,
    room_thin_gb=15.0,
    room_thick_gb=6.0,
    pending_gb=3.0,
    reported_at=None,
)


class TestCapacity(TestCase):
    def figures(self, record: PoolRecord) -> tuple[float | None, float | None, float | None]:
        pool = Pool(record=record, zone=None)
        return pool.limit_gb, pool.room_gb, pool.taken_gb

    def test_the_limit_of_a_thin_pool_is_over_subscribed(self) -> None:
        self.assertEqual((27.0, 12.0, 15.0), self.figures(THIN))

    def test_the_limit_of_a_thick_pool_is_its_capacity(self) -> None:
        thick = replace(THIN, thin=False, max_over_subscription_ratio=1.0)
        self.assertEqual((18.0, 3.0, 15.0), self.figures(thick))

    def test_an_unbounded_pool_has_no_limit(self) -> None:
        unbounded = replace(THIN, total_gb=None, room_thin_gb=None, room_thick_gb=None)
        self.assertEqual((None, None, None), self.figures(unbounded))

    def test_room_is_never_negative(self) -> None:
        self.assertEqual(0.0, self.figures(replace(THIN, pending_gb=99.0))[1])


class TestCordon(ApiCase):
    def test_a_cordon_names_operations_reason_and_end(self) -> None:
        until = datetime.now(UTC) + timedelta(hours=1)
        pool = self.admin.pools.cordon(POOL, ["create", Operation.EXTEND], reason="new disks", until=until)
        self.assertEqual((Operation.CREATE, Operation.EXTEND), pool.cordoned_for)
        cordon = pool.record.cordons[0]
        self.assertEqual(("new disks", until.replace(tzinfo=None)), (cordon.reason, cordon.until))
        self.assertEqual((Operation.EXTEND,), self.admin.pools.uncordon(POOL, ["create"]).cordoned_for)
        self.assertEqual((), self.admin.pools.uncordon(POOL).cordoned_for)
        self.assertEqual(set(CORDON_OPERATIONS), set(self.admin.pools.cordon(POOL, reason="all").cordoned_for))
        self.assertNotIn(POOL, [pool.pool_id for pool in self.admin.volumes.dry_run(1).ranked])

    def test_invalid_cordons_are_refused(self) -> None:
        with self.assertRaises(PoolNotFound):
            self.admin.pools.cordon("h@b#none", reason="x")
        with self.assertRaises(PoolNotFound):
            self.admin.pools.uncordon("h@b#none")
        for operation in ("query", "delete"):
            with self.assertRaisesRegex(InvalidRequest, f"expected one of create, .*, got '{operation}'"):
                self.admin.pools.cordon(POOL, [operation], reason="x")
        with self.assertRaisesRegex(InvalidRequest, r"until: expected a time in the future, got 2020-01-01T00:00"):
            self.admin.pools.cordon(
                POOL, reason="x", until=datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
            )
        self.assertEqual((), self.admin.pools.get(POOL).cordoned_for)

    def test_get_has_the_capabilities_and_the_zone(self) -> None:
        pool = self.admin.pools.get(FAR_POOL)
        self.assertEqual(("west", 10.0), (pool.zone, pool.room_gb))
        self.assertIn("storage_protocol", pool.capabilities)
        self.assertEqual([POOL, OTHER_POOL, FAR_POOL], [pool.id for pool in self.admin.pools.list()])


class TestDrain(ApiCase):
    """Pools of 20 and 10 GiB in the zone east, and of 10 GiB in the zone west."""

    def test_the_largest_volume_is_planned_first_and_counts_for_the_next(self) -> None:
        small, large = (self.volume(size_gb=size, zone="east") for size in (4, 8))
        self.assertEqual((POOL, POOL), (small.host, large.host))
        moves = self.admin.pools.plan_drain(POOL)
        self.assertEqual([(large.id, OTHER_POOL), (small.id, None)], [(move.volume.id, move.pool_id) for move in moves])
        self.assertEqual("no other pool fits", moves[1].reason)
        anywhere = self.admin.pools.plan_drain(POOL, any_zone=True)
        self.assertEqual(
            [10.0, 10.0], [self.admin.pools.get(pool).room_gb for pool in (OTHER_POOL, FAR_POOL)], "nothing is claimed"
        )
        self.assertEqual({OTHER_POOL, FAR_POOL}, {move.pool_id for move in anywhere})
        self.assertEqual({"available"}, {volume.status.value for volume in self.stores.volumes.list()})

    def test_immovable_volumes_have_a_reason(self) -> None:
        kept, attached, failed, only = (self.volume(size_gb=1, zone="east") for _ in range(4))
        self.member.snapshots.wait(self.member.snapshots.create(kept))
        self.stores.volumes.update(attached.id, {"attach_status": "attached"})
        self.stores.volumes.set_status(failed.id, VolumeStatus.ERROR_EXTENDING)
        self.admin.pools.cordon(OTHER_POOL, ["migrate"], reason="full")
        reasons = {move.volume.id: move.reason for move in self.admin.pools.plan_drain(POOL)}
        self.assertEqual("it has snapshots, which cannot be moved", reasons[kept.id])
        self.assertEqual("it is attached; detach it first", reasons[attached.id])
        self.assertEqual("it is error_extending; only an available volume can be moved", reasons[failed.id])
        self.assertEqual("no other pool fits", reasons[only.id])

    def test_an_empty_pool_and_an_unknown_one(self) -> None:
        self.assertEqual([], list(self.admin.pools.plan_drain(FAR_POOL)))
        with self.assertRaises(PoolNotFound):
            self.admin.pools.plan_drain("h@b#none")
