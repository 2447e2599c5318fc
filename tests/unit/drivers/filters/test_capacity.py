"""Room for the volume."""

from __future__ import annotations

import math
from typing import Any

from tests import TestCase
from volsched.model.pool import PoolState
from volsched.model.request import Operation
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.capacity import CapacityFilter

FULL_THIN = a_pool(thin=True, total_gb=100, free_gb=0.0, max_over_subscription_ratio=3.0)
THICK = {"provisioning:type": "thick"}


class CapacityFilterTest(TestCase):
    def reason(self, pool: PoolState, size_gb: float = 10, **asked: Any) -> str | None:
        """Why the pool does not pass, None where it does."""
        screening = CapacityFilter().screen(a_request(size_gb, **asked), a_pool_table(pool).candidates())
        return None if screening.passed[0] else screening.why(0)

    def test_room_and_no_room(self) -> None:
        self.assertIsNone(self.reason(a_pool(free_gb=10.0)))
        self.assertEqual("10 GiB asked, 9.99 GiB left", self.reason(a_pool(free_gb=9.99)))

    def test_a_request_of_no_size_passes_everywhere(self) -> None:
        self.assertIsNone(self.reason(a_pool(total_gb=0.0), 0))

    def test_thin_pools_are_judged_by_promises(self) -> None:
        """F02: that nothing is free in fact is no obstacle."""
        self.assertIsNone(self.reason(FULL_THIN, 200))
        self.assertEqual("201 GiB asked, 200.00 GiB left", self.reason(FULL_THIN, 201))

    def test_thick_requests_count_what_is_free(self) -> None:
        """F18: whether a pool says that it can do thick is not asked; only `thick` is."""
        self.assertEqual("10 GiB asked, 0.00 GiB left", self.reason(FULL_THIN, extra_specs=THICK))
        self.assertIsNone(self.reason(FULL_THIN, extra_specs={"provisioning:type": "thin"}))
        self.assertIsNone(self.reason(a_pool(thick=False), extra_specs=THICK))

    def test_reserved_capacity(self) -> None:
        """F03: of a thick pool it protects the total, not what is free."""
        self.assertIsNone(self.reason(a_pool(total_gb=100, free_gb=10.0, provisioned_gb=20.0, reserved_percentage=50)))
        self.assertIn(
            "5.00 GiB left", str(self.reason(a_pool(total_gb=100, provisioned_gb=45, reserved_percentage=50)))
        )

    def test_a_fully_reserved_thin_pool_is_turned_away(self) -> None:
        """F01: Cinder ends the request with a ZeroDivisionError."""
        self.assertEqual(
            "10 GiB asked, 0.00 GiB left", self.reason(a_pool(thin=True, provisioned_gb=0, reserved_percentage=100))
        )
        self.assertIsNotNone(self.reason(a_pool(thin=True, total_gb=0.004, free_gb=0.004)))

    def test_a_ratio_below_one(self) -> None:
        """F04: 0 is what a text '0' comes to."""
        halved = a_pool(thin=True, max_over_subscription_ratio=0.0)
        self.assertEqual("over-subscription ratio 0 is below 1", self.reason(halved))
        self.assertIsNone(self.reason(halved, extra_specs=THICK))

    def test_unbounded_and_unknown_capacity(self) -> None:
        self.assertIsNone(self.reason(a_pool(free_gb=math.inf), 10**9))
        self.assertIsNone(self.reason(a_pool(free_gb=math.nan), 10**9))
        self.assertIsNone(self.reason(a_pool(total_gb=math.inf, free_gb=5.0), 10**9))
        self.assertIn(
            "5 % is reserved", str(self.reason(a_pool(total_gb=math.nan, free_gb=5.0, reserved_percentage=5)))
        )
        self.assertIn("total capacity of 0 GiB", str(self.reason(a_pool(total_gb=0.0, free_gb=5.0))))

    def test_growing_asks_for_the_difference(self) -> None:
        """H23: growing to 0 asks for the whole size again, and shrinking passes where anything would."""
        extend = {"operation": Operation.EXTEND}
        self.assertIsNone(self.reason(a_pool(free_gb=5.0), 100, new_size_gb=105, **extend))
        self.assertEqual("6 GiB asked, 5.00 GiB left", self.reason(a_pool(free_gb=5.0), 100, new_size_gb=106, **extend))
        self.assertEqual("100 GiB asked, 5.00 GiB left", self.reason(a_pool(free_gb=5.0), 100, new_size_gb=0, **extend))
        self.assertIsNone(self.reason(a_pool(free_gb=0.0), 100, new_size_gb=50, **extend))

    def test_the_pool_that_holds_the_volume_already(self) -> None:
        """H20: only the very pool counts: of a volume whose host names no pool, capacity is checked."""
        full = a_pool(free_gb=0.0)
        self.assertIsNone(self.reason(full, exists_on=full.pool_id))
        self.assertIsNotNone(self.reason(full, exists_on=full.backend_id))
        self.assertIsNotNone(self.reason(full, exists_on="gone@disk#pool"))

    def test_how_far_each_pool_is_from_fitting(self) -> None:
        pools = a_pool_table(a_pool("a", free_gb=4.0), a_pool("b", free_gb=30.0))
        screening = CapacityFilter().screen(a_request(10), pools.candidates())
        assert callable(screening.shortfall)
        self.assertEqual([6.0, -20.0], screening.shortfall().tolist())
