"""Best first."""

from __future__ import annotations

import numpy as np

from tests import TestCase
from volsched.plugins import Ranking, Weighing
from volsched.testing.builders import a_pool_table, a_request
from volsched_drivers.weight_handlers.ordered import OrderedWeightHandler


def ranked(*weighings: tuple[list[float], float], count: int | None = None) -> Ranking:
    given = [Weighing(f"w{at}", np.array(raw, np.float64), by) for at, (raw, by) in enumerate(weighings)]
    pools = a_pool_table(len(weighings[0][0]) if count is None else count)
    return OrderedWeightHandler().rank(a_request(), pools.candidates(), given)


class OrderedWeightHandlerTest(TestCase):
    def test_weights_are_scaled_multiplied_and_added(self) -> None:
        ranking = ranked(([10.0, 20.0, 30.0], 1.0), ([6.0, 5.0, 7.0], -2.0))
        self.assertEqual([1, 0, 2], ranking.order.tolist())
        self.assertEqual([0.5, -1.0, -1.0], ranking.weights.tolist())

    def test_shares_say_what_each_weigher_added(self) -> None:
        ranking = ranked(([10.0, 30.0, 20.0], 1.0), ([5.0, 6.0, 7.0], -2.0))
        self.assertEqual([0.0, 1.0, 0.5], ranking.shares[0].tolist())
        self.assertEqual([0.0, -1.0, -2.0], ranking.shares[1].tolist())

    def test_differences_are_relative(self) -> None:
        """W04: a GiB more is as good as a thousand, where there are two pools."""
        self.assertEqual(ranked(([1.0, 2.0], 1.0)).weights.tolist(), ranked(([1.0, 2000.0], 1.0)).weights.tolist())

    def test_equals_keep_their_order(self) -> None:
        self.assertEqual([0, 1, 2], ranked(([7.0, 7.0, 7.0], 1.0)).order.tolist())
        self.assertEqual([0.0, 0.0, 0.0], ranked(([7.0, 7.0, 7.0], 5.0)).weights.tolist())
        self.assertEqual([1, 3, 0, 2], ranked(([1.0, 2.0, 1.0, 2.0], 1.0)).order.tolist())

    def test_no_weighers_and_no_pools(self) -> None:
        nothing = OrderedWeightHandler().rank(a_request(), a_pool_table(3).candidates(), ())
        self.assertEqual(([0, 1, 2], [0.0] * 3), (nothing.order.tolist(), nothing.weights.tolist()))
        self.assertEqual([], ranked(([], 1.0)).order.tolist())

    def test_weights_too_far_apart_to_subtract(self) -> None:
        ranking = ranked(([-1.7e308, 1.7e308, 0.0], 1.0))
        self.assertEqual([1, 2, 0], ranking.order.tolist())
        self.assertEqual([1.0, 0.5, 0.0], ranking.weights.tolist())
