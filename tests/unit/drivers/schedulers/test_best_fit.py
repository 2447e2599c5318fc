"""The scheduler driver that packs."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.model.capacity import room_gb
from volsched.model.request import Operation
from volsched.testing.builders import a_pool, a_pool_table, a_report, a_request
from volsched.testing.installed import a_chooser
from volsched.testing.memory import scheduler_resources
from volsched_drivers.schedulers.best_fit import BestFitScheduler


def chosen(*pools: Any, size_gb: float = 10, filters: tuple[str, ...] | None = None, **request: Any) -> list[str]:
    """The names of the pools, best first."""
    chooser = a_chooser() if filters is None else a_chooser(filters=filters)
    driver = BestFitScheduler(scheduler_resources(a_report(), chooser=chooser))
    decision = driver.choose(a_request(size_gb, **request), a_pool_table(*pools).candidates())
    return [pool.name for pool in decision.ranked]


class BestFitTest(TestCase):
    def test_the_least_room_that_is_enough(self) -> None:
        pools = [a_pool("a", free_gb=500.0), a_pool("b", free_gb=9.0), a_pool("c", free_gb=11.0), a_pool("d")]
        self.assertEqual(["c", "a", "d"], chosen(*pools))

    def test_pools_of_one_size_are_taken_by_their_ids(self) -> None:
        pools = [a_pool(name, backend=f"node{host}@disk") for host in (2, 1) for name in ("z", "b", "a")]
        self.assertEqual(["a", "b", "z"] * 2, chosen(*pools))
        self.assertEqual(["p1", "p10", "p2"], chosen(*(a_pool(name) for name in ("p10", "p2", "p1"))))

    def test_pools_without_a_bound_come_last(self) -> None:
        endless = a_pool("endless", total_gb=math.inf, free_gb=math.inf)
        self.assertEqual(["big", "endless"], chosen(endless, a_pool("big", total_gb=1e9, free_gb=1e9)))

    def test_what_is_too_small_comes_after_all_others(self) -> None:
        """Where no filter looks at room: the claim is then refused, but not before what fits was tried."""
        pools = [a_pool("small", free_gb=5.0), a_pool("right", free_gb=20.0)]
        self.assertEqual(["right", "small"], chosen(*pools, filters=("capabilities",)))

    def test_thin_room_counts_for_requests_that_accept_it(self) -> None:
        thin = a_pool("thin", total_gb=100.0, thin=True, thick=True, max_over_subscription_ratio=10.0)
        thick = a_pool("thick", total_gb=500.0)
        self.assertEqual(["thick", "thin"], chosen(thin, thick))
        self.assertEqual(["thin", "thick"], chosen(thin, thick, extra_specs={"provisioning:type": "thick"}))

    def test_a_volume_that_is_there_already_needs_no_more_room(self) -> None:
        home, other = a_pool("home", free_gb=5.0), a_pool("other", free_gb=100.0)
        asked = {"operation": Operation.RETYPE, "exists_on": home.pool_id}
        self.assertEqual(["home", "other"], chosen(other, home, **asked))

    def test_the_decision_says_what_was_left(self) -> None:
        driver = BestFitScheduler(scheduler_resources(a_report()))
        pools = a_pool_table(a_pool("a", free_gb=50.0), a_pool("b", total_gb=math.inf, free_gb=math.inf))
        plain = driver.choose(a_request(10), pools.candidates()).plain()
        (step,) = plain["weighers"]
        self.assertEqual("room_left", step["weigher"])
        self.assertEqual({"raw": 40.0, "share": -40.0}, step["weights"]["node1@disk#a"])
        self.assertEqual({"raw": None, "share": None}, step["weights"]["node1@disk#b"])
        self.assertEqual([-40.0, None], [row["weight"] for row in plain["ranked"]])

    def test_nothing_fits(self) -> None:
        self.assertEqual([], chosen(a_pool("a"), size_gb=10**6))

    @given(
        st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=12),
        st.integers(1, 20),
        st.randoms(use_true_random=False),
    )
    def test_it_is_what_its_docstring_says(self, free: list[tuple[int, bool]], size_gb: int, random: Any) -> None:
        pools = [
            a_pool(f"p{number}", total_gb=50.0, free_gb=float(gb), thin=thin) for number, (gb, thin) in enumerate(free)
        ]
        random.shuffle(pools)
        fitting = [pool for pool in pools if room_gb(pool, thin=True) >= size_gb]
        expected = sorted(fitting, key=lambda pool: (room_gb(pool, thin=True), pool.pool_id))
        self.assertEqual([pool.name for pool in expected], chosen(*pools, size_gb=size_gb))
