"""Capacity that is taken."""

from __future__ import annotations

import math

from tests import TestCase
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.weighers.allocated_capacity import AllocatedCapacityWeigher


class AllocatedCapacityWeigherTest(TestCase):
    def test_what_is_allocated_and_the_least_is_best(self) -> None:
        pools = a_pool_table(
            a_pool("a", allocated_gb=5.0), a_pool("b", allocated_gb=7.5), a_pool("c", allocated_gb=math.nan)
        )
        weigher = AllocatedCapacityWeigher()
        self.assertEqual([5.0, 7.5, 0.0], weigher.weigh(a_request(), pools.candidates()).tolist())
        self.assertEqual(-1.0, weigher.multiplier)
        self.assertEqual(2.0, AllocatedCapacityWeigher(allocated_capacity_weight_multiplier=2.0).multiplier)
