"""The order that weights make, and how much of it is worked out."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.model.ranking import HighestFirst, Ranked, Ranking
from volsched.testing.builders import a_pool_table

TOTALS = st.lists(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40)


class HighestFirstTest(TestCase):
    @given(TOTALS)
    def test_the_order_is_that_of_a_stable_sort(self, totals: list[float]) -> None:
        expected = sorted(range(len(totals)), key=lambda at: -totals[at])
        ranking = HighestFirst(np.array(totals), ())
        self.assertEqual(expected[0], ranking.best)
        self.assertEqual(expected, ranking.order.tolist())
        self.assertEqual([totals[at] for at in expected], ranking.weights.tolist())
        self.assertEqual(len(totals), len(ranking))

    def test_what_is_no_number_is_last(self) -> None:
        ranking = HighestFirst(np.array([math.nan, 1.0, 2.0]), ())
        self.assertEqual((2, [2, 1, 0]), (ranking.best, ranking.order.tolist()))

    def test_nothing_is_sorted_for_the_best_alone(self) -> None:
        ranked = Ranked(a_pool_table(3).candidates(), HighestFirst(np.array([1.0, 3.0, 2.0]), ()))
        self.assertEqual(("pool1", 3), (ranked[0].name, len(ranked)))
        self.assertIsNone(ranked._ranking._order)  # type: ignore[attr-defined]


class RankedTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        among = a_pool_table(4).candidates().take(np.array([True, False, True, True]))
        self.ranked = Ranked(among, HighestFirst(np.array([1.0, 3.0, 2.0]), ()))

    def test_candidates_best_first_with_their_weights(self) -> None:
        self.assertEqual(["pool2", "pool3", "pool0"], [pool.name for pool in self.ranked])
        self.assertEqual(["pool2", "pool3", "pool0"], [self.ranked[at].name for at in range(3)])
        self.assertEqual([3.0, 2.0, 1.0], self.ranked.weights.tolist())

    def test_narrowing_keeps_each_its_weight(self) -> None:
        narrowed = self.ranked.take(np.array([True, False, True]))
        self.assertEqual(["pool2", "pool0"], [pool.name for pool in narrowed])
        self.assertEqual([3.0, 1.0], narrowed.weights.tolist())
        self.assertEqual("pool0", narrowed.take(np.array([1]))[0].name)

    def test_a_weight_a_position(self) -> None:
        with self.assertRaises(ValueError):
            Ranking(np.array([0, 1]), np.array([1.0]), ())
