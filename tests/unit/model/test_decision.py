"""What a decision says of itself."""

from __future__ import annotations

import json
import math

import numpy as np

from tests import TestCase
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision, FilterStep, Screening, WeighStep
from volsched.model.ranking import Ranked, Ranking
from volsched.model.refusal_messages import decision_message
from volsched.model.request import Retry
from volsched.testing.builders import a_pool, a_pool_table, a_request


def a_step(name: str, before: Candidates, passed: list[bool], shortfall: list[float] | None = None) -> FilterStep:
    missing = None if shortfall is None else np.array(shortfall)
    return FilterStep(name, before, Screening(np.array(passed), lambda at: f"{before[at].name} will not do", missing))


class DecisionTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.every = a_pool_table(4).candidates()
        self.zone = a_step("zone", self.every, [True, True, False, True])
        self.left = self.every.take(self.zone.screening.passed)

    def refused(self) -> Decision:
        capacity = a_step("capacity", self.left, [False] * 3, [5.0, 2.0, math.inf])
        nothing = self.left.take(capacity.screening.passed)
        return Decision(a_request(10), nothing, (self.zone, capacity), nothing)

    def made(self) -> Decision:
        weighed = WeighStep("w", np.array([1.0, 2.0, 3.0]), 2.0, np.array([0.0, 1.0, math.inf]))
        ranked = Ranked(self.left, Ranking(np.array([2, 1, 0]), np.array([2.0, 1.0, 0.0]), ()))
        return Decision(
            a_request(10, retry=Retry(num_attempts=1, backends=("a@b#c",))), ranked,
            (self.zone,), self.left, (weighed,), (("bad@b#p", "nonsense"),), chosen=ranked[0],
        )  # fmt: skip

    def test_yes_and_no(self) -> None:
        self.assertTrue(self.made())
        self.assertFalse(self.refused())

    def test_who_rejected_whom(self) -> None:
        self.assertEqual([("pool2", "pool2 will not do")], [(pool.name, why) for pool, why in self.zone.rejected()])
        self.assertEqual(1, self.zone.rejections)

    def test_the_reason_names_each_filter_and_the_nearest_miss(self) -> None:
        self.assertEqual(
            "none of 4 pools fits: zone rejected 1 (pool2 will not do); capacity rejected 3 (pool1 will not do)",
            self.refused().reason(),
        )
        self.assertEqual("3 pools fit", self.made().reason())

    def test_the_user_is_told_limits_and_no_more(self) -> None:
        self.assertEqual(
            "no storage could take 10 GiB: turned away by zone, capacity",
            decision_message(self.refused()),
        )

    def test_no_pools_at_all(self) -> None:
        nothing = a_pool_table().candidates()
        decision = Decision(a_request(), nothing, (), nothing, set_aside=(("bad@b", "nonsense"),))
        self.assertEqual("no pool takes part: bad@b: nonsense", decision.reason())
        self.assertIn("no storage", decision_message(decision))

    def test_as_json(self) -> None:
        plain = json.loads(json.dumps(self.made().plain(), allow_nan=False))
        self.assertEqual(["pool3", "pool1", "pool0"], [row["pool"].partition("#")[2] for row in plain["ranked"]])
        self.assertEqual("node1@disk#pool3", plain["chosen"])
        self.assertEqual(
            [{"filter": "zone", "considered": 4, "rejected_count": 1}],
            [{key: step[key] for key in ("filter", "considered", "rejected_count")} for step in plain["filters"]],
        )
        self.assertEqual(
            {"raw": 3.0, "share": None}, plain["weighers"][0]["weights"]["node1@disk#pool3"], "JSON has no infinity"
        )
        self.assertEqual([{"name": "bad@b#p", "why": "nonsense"}], plain["set_aside"])

    def test_as_json_of_many_pools(self) -> None:
        every = a_pool_table(50).candidates()
        step = a_step("capacity", every, [False] * 30 + [True] * 20)
        left = every.take(step.screening.passed)
        plain = Decision(a_request(), left, (step,), left).plain(most=5)
        self.assertEqual((30, 5), (plain["filters"][0]["rejected_count"], len(plain["filters"][0]["rejected"])))
        self.assertEqual((20, 5), (plain["ranked_count"], len(plain["ranked"])))

    def test_the_retry_record_gains_the_chosen_pool(self) -> None:
        retry = self.made().retry
        assert retry is not None
        self.assertEqual(("a@b#c", "node1@disk#pool3"), retry.backends)
        self.assertIsNone(self.refused().retry)

    def test_reasons_cost_nothing_until_they_are_read(self) -> None:
        asked = []
        why = lambda at: asked.append(at) or "because"  # noqa: E731
        decision = Decision(
            a_request(), self.every, (FilterStep("f", self.every, Screening(np.zeros(4, np.bool_), why)),)
        )
        self.assertEqual([], asked)
        decision.plain()
        self.assertEqual([0, 1, 2, 3], asked)

    def test_a_pool_without_a_number_for_nearness(self) -> None:
        step = a_step(
            "capacity", a_pool_table(a_pool("x"), a_pool("y")).candidates(), [False, False], [math.nan, math.nan]
        )
        self.assertEqual("x will not do", step.nearest_miss())
