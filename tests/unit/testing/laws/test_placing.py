"""The laws for filters, weighers and weight handlers bite."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tests.unit.testing.laws import biting
from volsched.model.candidates import Candidates
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.plugins import ColumnFilter, ColumnWeigher, PoolFilter, PoolWeigher, Ranking, Screening, WeightHandler
from volsched.testing import FilterConformance, PluginConformance, WeigherConformance, WeightHandlerConformance


class Roomy(PoolFilter):
    """Passes pools with free room."""

    contract = (1, 0)

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return "full" if pool.free_gb < request.size_gb else None


class Forgetful(Roomy):
    """Answers otherwise the second time."""

    def __init__(self) -> None:
        self.asked = itertools.count()

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return "tired" if next(self.asked) % 7 == 0 else None


class Scribbling(Roomy):
    """Writes to the pools that it gets."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        pool.capabilities["seen"] = True  # type: ignore[index]
        return None


class Noting(Roomy):
    """Writes to the request."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        request.hints["seen"] = True  # type: ignore[index]
        return None


class Curious(Roomy):
    """Looks at files while it judges."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return "no files" if not os.listdir("/") else super().rejects(request, pool)


class Shared(Roomy):
    """Keeps the request where the next one overwrites it."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        self.size_gb = request.size_gb
        time.sleep(0)
        return "full" if pool.free_gb < self.size_gb else None


class Expecting(ColumnFilter):
    """Takes for granted that there are pools."""

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        first = candidates[0]
        return Screening(np.array([pool is first for pool in candidates]), lambda position: "not the first")


class Demanding(Roomy):
    """Needs what nobody fetches."""

    needs = frozenset({"weather"})


class Content(Roomy):
    """Rejects nothing, so that nothing is tested."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return None


class Silent(Roomy):
    """Rejects without a word."""

    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        return "" if pool.free_gb < request.size_gb else None


class Comparing(ColumnFilter):
    """Passes the one with the most room: what a weigher is for."""

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        free = [pool.free_gb for pool in candidates]
        return Screening(np.array([gb == max(free) for gb in free], np.bool_), lambda position: "not the largest")


class FilterLawsTest(biting.BitingTestCase):
    kit = FilterConformance
    beyond = PluginConformance
    sound = Roomy
    broken: ClassVar[Mapping[str, type]] = {
        "test_it_is_deterministic": Forgetful,
        "test_its_inputs_are_unchanged": Scribbling,
        "test_it_does_no_input_or_output": Curious,
        "test_it_is_safe_under_threads": Shared,
        "test_it_accepts_an_empty_table": Expecting,
        "test_its_needs_are_known": Demanding,
        "test_it_rejects_some_and_passes_some": Content,
        "test_every_rejection_has_a_reason": Silent,
        "test_a_pool_is_judged_on_its_own": Comparing,
    }

    def test_a_request_that_is_written_to(self) -> None:
        self.assertIsNotNone(self.told("test_its_inputs_are_unchanged", Noting))

    def test_an_answer_of_the_wrong_shape(self) -> None:
        for passed in (np.ones(3), [True], np.ones(99, np.bool_), None):
            screening = Screening(passed, lambda position: "no")  # type: ignore[arg-type]
            wrong = type("Wrong", (Roomy,), {"screen": lambda plugin, request, candidates, said=screening: said})
            with self.subTest(passed=passed):
                self.assertIsNotNone(self.told("test_it_is_deterministic", wrong))


class Spacious(PoolWeigher):
    """The room there is, as far as that is a number."""

    contract = (1, 0)

    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return pool.free_gb - request.size_gb if pool.bounded else 0.0


class Moody(Spacious):
    def __init__(self) -> None:
        self.asked = itertools.count()

    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return float(next(self.asked))


class Hasty(Spacious):
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        self.size_gb = request.size_gb
        time.sleep(0)
        return self.size_gb


class Marking(Spacious):
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        pool.capabilities["weighed"] = True  # type: ignore[index]
        return 0.0


class Reading(Spacious):
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return float(len(os.listdir("/")))


class Relative(ColumnWeigher):
    contract = (1, 0)

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Any:
        return np.zeros(len(candidates)) + max(pool.free_gb for pool in candidates)


class Greedy(Spacious):
    needs = frozenset({"weather"})


class Boundless(Spacious):
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        return pool.free_gb


class Useless(Spacious):
    multiplier = 0.0


class WeigherLawsTest(biting.BitingTestCase):
    kit = WeigherConformance
    beyond = PluginConformance
    sound = Spacious
    broken: ClassVar[Mapping[str, type]] = {
        "test_it_is_deterministic": Moody,
        "test_its_inputs_are_unchanged": Marking,
        "test_it_does_no_input_or_output": Reading,
        "test_it_is_safe_under_threads": Hasty,
        "test_it_accepts_an_empty_table": Relative,
        "test_its_needs_are_known": Greedy,
        "test_weights_are_finite": Boundless,
        "test_its_multiplier_is_a_number": Useless,
    }


class Adding(WeightHandler):
    """Adds up, and puts the highest first."""

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        shares = tuple(weighing.raw * weighing.multiplier for weighing in weighings)
        totals = sum(shares, np.zeros(len(candidates)))
        order = np.argsort(-totals, kind="stable")
        return Ranking(order, totals[order], shares)


class Turning(Adding):
    def __init__(self) -> None:
        self.asked = itertools.count()

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        ranking = super().rank(request, candidates, weighings)
        turn = next(self.asked) % 3
        return Ranking(np.roll(ranking.order, turn), np.roll(ranking.weights, turn), ranking.shares)


class Erasing(Adding):
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        for weighing in weighings:
            weighing.raw[:] = 0.0
        return super().rank(request, candidates, weighings)


class Looking(Adding):
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        os.listdir("/")
        return super().rank(request, candidates, weighings)


class Borrowed(Adding):
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        self.totals = np.zeros(len(candidates)) + request.size_gb
        for weighing in weighings:
            time.sleep(0)
            self.totals = self.totals + weighing.raw * weighing.multiplier
        order = np.argsort(-self.totals, kind="stable")
        return Ranking(order, self.totals[order], tuple(weighing.raw for weighing in weighings))


class Assuming(Adding):
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        return super().rank(request, candidates, weighings) if candidates[0] else super().rank(request, candidates, ())


class Wishing(Adding):
    needs = frozenset({"weather"})


class Hiding(Adding):
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
        ranking = super().rank(request, candidates, weighings)
        return Ranking(ranking.order, ranking.weights + 1, ranking.shares)


class WeightHandlerLawsTest(biting.BitingTestCase):
    kit = WeightHandlerConformance
    beyond = PluginConformance
    sound = Adding
    broken: ClassVar[Mapping[str, type]] = {
        "test_it_is_deterministic": Turning,
        "test_its_inputs_are_unchanged": Erasing,
        "test_it_does_no_input_or_output": Looking,
        "test_it_is_safe_under_threads": Borrowed,
        "test_it_accepts_an_empty_table": Assuming,
        "test_its_needs_are_known": Wishing,
        "test_shares_add_up": Hiding,
    }

    def test_an_order_that_leaves_some_out(self) -> None:
        class Short(Adding):
            def rank(self, request: RequestSpec, candidates: Candidates, weighings: Any) -> Ranking:
                ranking = super().rank(request, candidates, weighings)
                return Ranking(ranking.order[:1], ranking.weights[:1], ranking.shares)

        self.assertIsNotNone(self.told("test_it_is_deterministic", Short))
