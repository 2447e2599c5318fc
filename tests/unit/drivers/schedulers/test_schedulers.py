"""The scheduler drivers that choose: by weight, and by lot."""

from __future__ import annotations

from tests import TestCase
from volsched.model.request import SeededDraws
from volsched.testing.builders import a_pool, a_pool_table, a_report, a_request
from volsched.testing.memory import scheduler_resources
from volsched_drivers.schedulers.chance import ChanceScheduler
from volsched_drivers.schedulers.filter import FilterScheduler

RESOURCES = scheduler_resources(a_report())
POOLS = a_pool_table(a_pool("a", free_gb=50.0), a_pool("b", free_gb=500.0), a_pool("c", free_gb=5.0), a_pool("d"))


class FilterSchedulerTest(TestCase):
    def test_the_best_of_what_passes(self) -> None:
        decision = FilterScheduler(RESOURCES).choose(a_request(10), POOLS.candidates())
        self.assertEqual(["d", "b", "a"], [pool.name for pool in decision.ranked])
        self.assertEqual(["capacity"], [step.name for step in decision.weighers])


class ChanceSchedulerTest(TestCase):
    def order(self, seed: str) -> str:
        request = a_request(10, draws=SeededDraws(seed))
        return "".join(pool.name for pool in ChanceScheduler(RESOURCES).choose(request, POOLS.candidates()).ranked)

    def test_filters_apply(self) -> None:
        self.assertEqual(["a", "b", "d"], sorted(self.order("a volume")))

    def test_every_order_comes_up(self) -> None:
        orders = {self.order(f"volume {number}") for number in range(100)}
        self.assertEqual({"abd", "adb", "bad", "bda", "dab", "dba"}, orders)

    def test_a_decision_can_be_repeated(self) -> None:
        self.assertEqual(self.order("a volume"), self.order("a volume"))

    def test_nothing_fits(self) -> None:
        self.assertFalse(ChanceScheduler(RESOURCES).choose(a_request(10**6), POOLS.candidates()))
