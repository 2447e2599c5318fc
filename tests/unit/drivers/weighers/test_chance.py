"""Chance."""

from __future__ import annotations

from tests import TestCase
from volsched.model.request import SeededDraws
from volsched.testing.builders import a_pool_table, a_request
from volsched_drivers.weighers.chance import ChanceWeigher


class ChanceWeigherTest(TestCase):
    def weights(self, seed: str) -> list[float]:
        return ChanceWeigher().weigh(a_request(draws=SeededDraws(seed)), a_pool_table(50).candidates()).tolist()

    def test_one_draw_a_pool(self) -> None:
        weights = self.weights("a volume")
        self.assertEqual(50, len(set(weights)))
        self.assertTrue(all(0 <= weight < 1 for weight in weights))

    def test_a_decision_can_be_repeated(self) -> None:
        self.assertEqual(self.weights("a volume"), self.weights("a volume"))
        self.assertNotEqual(self.weights("a volume"), self.weights("another"))
