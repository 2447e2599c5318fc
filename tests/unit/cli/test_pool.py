from __future__ import annotations

from dataclasses import replace

from tests import TestCase
from volsched.cli import pool
from volsched.db.backends import Cordon, PoolRecord
from volsched.model.request import Operation

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


class TestFigures(TestCase):
    def test_a_thin_pool_may_promise_more_than_it_has(self) -> None:
        self.assertEqual((27.0, 12.0, 15.0), (pool.limit_gb(THIN), pool.room_gb(THIN), pool.taken_gb(THIN)))

    def test_a_thick_pool_has_what_it_has(self) -> None:
        thick = replace(THIN, thin=False, max_over_subscription_ratio=1.0)
        self.assertEqual((18.0, 3.0, 15.0), (pool.limit_gb(thick), pool.room_gb(thick), pool.taken_gb(thick)))

    def test_what_is_not_known_is_none(self) -> None:
        unbounded = replace(THIN, total_gb=None, room_thin_gb=None, room_thick_gb=None)
        self.assertEqual(
            (None, None, None), (pool.limit_gb(unbounded), pool.room_gb(unbounded), pool.taken_gb(unbounded))
        )
        self.assertIsNone(pool.fields(unbounded)["Taken %"])

    def test_room_is_never_negative(self) -> None:
        self.assertEqual(0.0, pool.room_gb(replace(THIN, pending_gb=99.0)))


class TestState(TestCase):
    def test_states_are_words(self) -> None:
        cordons = (Cordon(operation=Operation.CREATE), Cordon(operation=Operation.EXTEND))
        cases = {
            "open": THIN,
            "not reported": replace(THIN, present=False),
            "closed for create, extend": replace(THIN, cordons=cordons),
        }
        for words, record in cases.items():
            with self.subTest(words):
                self.assertEqual(words, pool.state(record))
