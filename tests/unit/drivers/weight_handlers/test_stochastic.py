"""A lottery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests import TestCase
from volsched.model.request import SeededDraws
from volsched.plugins import Ranking, Weighing
from volsched.testing.builders import a_pool_table, a_request
from volsched_drivers.weight_handlers.stochastic import StochasticWeightHandler


@dataclass(frozen=True)
class Drawn:
    """Draws that are what the test says."""

    number: float

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        return np.full(count, self.number)


def ranked(raw: list[float], number: float, multiplier: float = 1.0) -> Ranking:
    weighings = [Weighing("w", np.array(raw, np.float64), multiplier)]
    return StochasticWeightHandler().rank(
        a_request(draws=Drawn(number)), a_pool_table(len(raw)).candidates(), weighings
    )


class StochasticWeightHandlerTest(TestCase):
    def test_the_winner_first_and_the_others_after_it_in_turn(self) -> None:
        for number, order in (
            (0.0, [0, 1, 2]),
            (0.09, [0, 1, 2]),
            (0.1, [1, 2, 0]),
            (0.39, [1, 2, 0]),
            (0.5, [2, 0, 1]),
        ):
            with self.subTest(number=number):
                ranking = ranked([10.0, 30.0, 60.0], number)
                self.assertEqual(order, ranking.order.tolist())
                self.assertEqual([[10.0, 30.0, 60.0][at] for at in order], ranking.weights.tolist())

    def test_weights_are_multiplied_and_not_scaled(self) -> None:
        ranking = ranked([10.0, 30.0], 0.0, multiplier=2.0)
        self.assertEqual([20.0, 60.0], ranking.weights.tolist())
        self.assertEqual([20.0, 60.0], ranking.shares[0].tolist())

    def test_negative_totals(self) -> None:
        """W06: always the first pool, as allocated_capacity with its default multiplier has it."""
        for number in (0.0, 0.3, 0.9):
            self.assertEqual([0, 1, 2], ranked([5.0, 6.0, 7.0], number, multiplier=-1.0).order.tolist())

    def test_nothing_to_choose_from(self) -> None:
        """W06."""
        self.assertEqual([], ranked([], 0.5).order.tolist())
        self.assertEqual([0, 1], ranked([0.0, 0.0], 0.5).order.tolist())

    def test_chances_are_in_proportion(self) -> None:
        wins = [0, 0]
        for number in range(1000):
            request = a_request(draws=SeededDraws(f"volume {number}"))
            weighings = [Weighing("w", np.array([1.0, 3.0]), 1.0)]
            ranking = StochasticWeightHandler().rank(request, a_pool_table(2).candidates(), weighings)
            wins[ranking.order[0]] += 1
        self.assertTrue(680 < wins[1] < 820, wins)
