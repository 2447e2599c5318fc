"""Free room."""

from __future__ import annotations

import math

from tests import TestCase
from volsched.model.pool import PoolState
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.weighers.capacity import CapacityWeigher

SMALL, LARGE = a_pool("small", free_gb=100.0), a_pool("large", free_gb=300.0)
UNBOUNDED, UNKNOWN = a_pool("unbounded", total_gb=math.inf, free_gb=math.inf), a_pool("unknown", free_gb=math.nan)


class CapacityWeigherTest(TestCase):
    def weights(self, *pools: PoolState, multiplier: float = 1.0, **asked: object) -> list[float]:
        weigher = CapacityWeigher(capacity_weight_multiplier=multiplier)
        return weigher.weigh(a_request(**asked), a_pool_table(*pools).candidates()).tolist()

    def test_the_room_left(self) -> None:
        self.assertEqual([100.0, 300.0], self.weights(SMALL, LARGE))

    def test_promises_of_thin_pools(self) -> None:
        thin = a_pool(thin=True, total_gb=100, free_gb=50, provisioned_gb=80, max_over_subscription_ratio=2.0)
        self.assertEqual([120.0], self.weights(thin))
        self.assertEqual([20.0], self.weights(thin, extra_specs={"provisioning:type": "thick"}))

    def test_unbounded_pools_come_last_where_the_most_room_is_wanted(self) -> None:
        """W02: yet before those that promised more than they may."""
        self.assertEqual([100.0, -1.0, -1.0], self.weights(SMALL, UNBOUNDED, UNKNOWN))
        self.assertEqual([-1.0, -20.0], self.weights(UNBOUNDED, a_pool(total_gb=100, provisioned_gb=120)))

    def test_unbounded_pools_come_last_where_the_least_room_is_wanted(self) -> None:
        self.assertEqual([100.0, 300.0, 20_300.0], self.weights(SMALL, LARGE, UNBOUNDED, multiplier=-1.0))
        self.assertEqual([100.0, 10_100.0], self.weights(SMALL, UNKNOWN, multiplier=-1.0))
        self.assertEqual([100.0, 10_100.0], self.weights(SMALL, UNKNOWN, multiplier=0.0))

    def test_nothing_but_unbounded_pools(self) -> None:
        """W01: Cinder ends the request with a ValueError."""
        self.assertEqual([0.0, 0.0], self.weights(UNBOUNDED, UNKNOWN, multiplier=-1.0))
        self.assertEqual([-1.0, -1.0], self.weights(UNBOUNDED, UNKNOWN))

    def test_no_pools(self) -> None:
        self.assertEqual([], self.weights())
        self.assertEqual([], self.weights(multiplier=-1.0))

    def test_rounding_makes_equals(self) -> None:
        """W05."""
        first, second = self.weights(a_pool(free_gb=10.001), a_pool(free_gb=10.002))
        self.assertEqual(first, second)

    def test_figures_beyond_all_bounds_stay_finite(self) -> None:
        """W07: what is no number never gets so far; what overflows counts as unbounded."""
        huge = a_pool(thin=True, total_gb=1e308, free_gb=1.0, max_over_subscription_ratio=1e10)
        self.assertEqual([-1.0, 100.0], self.weights(huge, SMALL))
