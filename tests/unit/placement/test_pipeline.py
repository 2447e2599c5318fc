"""Placing: filters in order, weights into an order, and plugins that break their word named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests import TestCase
from volsched.exceptions import InvalidRequest, PluginError
from volsched.model.candidates import Candidates, PoolTable
from volsched.model.decision import Screening
from volsched.model.pool import PoolState
from volsched.model.request import Operation, RequestSpec
from volsched.placement.pipeline import Placing
from volsched.plugins import PoolFilter, PoolWeigher, Ranking, Weighing, WeightHandler


def a_pool(name: str, **values: Any) -> PoolState:
    return PoolState(pool_id=f"h@b#{name}", backend_id="h@b", name=name, host="h@b", **values)


POOLS = PoolTable([a_pool("a", free_gb=5), a_pool("b", free_gb=20), a_pool("c", free_gb=10)])
REQUEST = RequestSpec(size_gb=8)


class Roomy(PoolFilter):
    """Rejects pools with less free space than asked."""

    contract = (1, 0)

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return None if pool.free_gb >= request.size_gb else f"{pool.free_gb:g} GiB left"


class ByFree(PoolWeigher):
    """More free space is better."""

    contract = (1, 0)

    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return pool.free_gb


class Best(WeightHandler):
    """The sum, highest first."""

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        total = sum((item.raw * item.multiplier for item in weighings), np.zeros(len(candidates)))
        order = np.argsort(-total, kind="stable")
        return Ranking(order, total[order], tuple(item.raw * item.multiplier for item in weighings))


class Answering:
    """A filter that answers as it is told."""

    needs: frozenset[str] = frozenset()

    def __init__(self, answer: Callable[[Candidates], Screening]) -> None:
        self.answer = answer
        self.elementwise = False

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        return self.answer(candidates)


class Saying:
    """A weigher that answers as it is told."""

    needs: frozenset[str] = frozenset()
    multiplier = 1.0

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Any:
        return self.answer


def names(candidates: Candidates) -> list[str]:
    return [pool.name for pool in candidates]


class TestPlacing(TestCase):
    def test_filters_weighs_and_ranks(self) -> None:
        placing = Placing([("roomy", Roomy())], [("free", ByFree())], Best())
        decision = placing.place(REQUEST, POOLS.candidates())
        self.assertEqual(["b", "c"], names(decision.ranked))
        self.assertEqual([20.0, 10.0], decision.weights.tolist())
        (step,) = decision.filters
        self.assertEqual([("h@b#a", "5 GiB left")], [(pool.pool_id, why) for pool, why in step.rejected()])

    def test_every_filter_runs_even_when_none_are_left(self) -> None:
        nothing = Answering(lambda candidates: Screening(np.zeros(len(candidates), np.bool_), lambda _: "no"))
        placing = Placing([("nothing", nothing), ("roomy", Roomy())], [("free", ByFree())], Best())
        decision = placing.place(REQUEST, POOLS.candidates())
        self.assertFalse(decision)
        self.assertEqual([3, 0], [len(step.before) for step in decision.filters])

    def test_filters_that_judge_each_by_itself_are_asked_together_and_explained_in_turn(self) -> None:
        asked: list[list[str]] = []

        def passing(*passed: str) -> Answering:
            def answer(candidates: Candidates) -> Screening:
                asked.append(names(candidates))
                mask = np.array([name in passed for name in names(candidates)], np.bool_)
                return Screening(mask, lambda position: f"not {candidates[position].name}")

            made = Answering(answer)
            made.elementwise = True
            return made

        filters = [("one", passing("a", "b")), ("two", passing("b", "c")), ("three", passing("a", "b", "c"))]
        decision = Placing(filters, [], Best()).place(REQUEST, POOLS.candidates())
        self.assertEqual(["b"], names(decision.ranked))
        self.assertEqual([["a", "b", "c"]] * 3, asked)
        rejected = [[(pool.name, why) for pool, why in step.rejected()] for step in decision.filters]
        self.assertEqual([[("c", "not c")], [("a", "not a")], []], rejected)
        self.assertEqual([["a", "b", "c"]] * 3 + [["a", "b", "c"], ["a", "b"], ["b"]], asked)

    def test_screen_keeps_the_order(self) -> None:
        placing = Placing([("roomy", Roomy())], [("free", ByFree())], Best())
        self.assertEqual(["b", "c"], names(placing.screen(REQUEST, POOLS.candidates()).ranked))

    def test_no_weighers_keeps_the_order(self) -> None:
        decision = Placing([], [], Best()).place(REQUEST, POOLS.candidates())
        self.assertEqual(["a", "b", "c"], names(decision.ranked))

    def test_a_cordoned_pool_is_left_out_for_what_it_is_closed_for(self) -> None:
        pools = POOLS.replace({1: a_pool("b", free_gb=20, cordoned={"create": "new disks"})})
        placing = Placing([], [], Best())
        decision = placing.place(REQUEST, pools.candidates())
        self.assertEqual(["a", "c"], names(decision.ranked))
        (rejected,) = decision.plain()["filters"][0]["rejected"]
        self.assertEqual("cordoned for create by the operator: new disks", rejected["why"])
        extend = RequestSpec(operation=Operation.EXTEND)
        self.assertEqual(["a", "b", "c"], names(placing.place(extend, pools.candidates()).ranked))

    def test_a_plugin_that_breaks_its_word_is_named(self) -> None:
        def raises(candidates: Candidates) -> Screening:
            raise KeyError("x")

        def short(candidates: Candidates) -> Screening:
            return Screening(np.ones(1, np.bool_), lambda _: "")

        def numbers(candidates: Candidates) -> Screening:
            return Screening(np.ones(len(candidates)), lambda _: "")  # type: ignore[arg-type]

        for answer, problem in ((raises, "KeyError"), (short, "shape"), (numbers, "bool array")):
            with self.subTest(problem=problem), self.assertRaisesRegex(PluginError, f"vendor.*{problem}"):
                Placing([("vendor", Answering(answer))], [], Best()).place(REQUEST, POOLS.candidates())
        for weights, problem in (
            ([1.0, 2.0, 3.0], "float64 array"),
            (np.zeros(2), "shape"),
            (np.array([0, 1, 2]), "float64 array"),
            (np.array([0.0, np.nan, 1.0]), "nan.*h@b#b"),
            (np.array([0.0, 1.0, np.inf]), "inf.*h@b#c"),
        ):
            with self.subTest(problem=problem), self.assertRaisesRegex(PluginError, f"vendor.*{problem}"):
                Placing([], [("vendor", Saying(weights))], Best()).place(REQUEST, POOLS.candidates())

    def test_what_a_plugin_says_of_the_request_passes(self) -> None:
        def refuses(candidates: Candidates) -> Screening:
            raise InvalidRequest("query", "not JSON")

        with self.assertRaises(InvalidRequest):
            Placing([("json", Answering(refuses))], [], Best()).place(REQUEST, POOLS.candidates())

    def test_needs_are_those_of_all_plugins(self) -> None:
        weigher = Saying(np.zeros(3))
        weigher.needs = frozenset({"volume_counts"})
        self.assertEqual({"volume_counts"}, Placing([("roomy", Roomy())], [("w", weigher)], Best()).needs)
