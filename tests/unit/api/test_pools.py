"""Pools in the API: capacity."""

from __future__ import annotations

from dataclasses import replace

from tests import TestCase
from volsched.api.pools import Pool
from volsched.db.backends import PoolRecord

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
