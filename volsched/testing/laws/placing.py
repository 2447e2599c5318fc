"""The laws for filters, weighers and weight handlers: pure functions of a request and of pools."""

from __future__ import annotations

import abc
import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from volsched.model.candidates import Candidates, PoolTable
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.plugins import (
    INSTANCE_HOST,
    VOLUME_BACKENDS,
    VOLUME_COUNTS,
    ColumnFilter,
    ColumnWeigher,
    PoolFilter,
    PoolWeigher,
    Weighing,
    WeightHandler,
)
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.laws.samples import sample_pools, sample_requests
from volsched.testing.laws.together import together
from volsched.testing.laws.watching import watched

KNOWN_NEEDS = frozenset({INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS})


def _writable(pool: PoolState) -> PoolState:
    return replace(pool, capabilities=dict(pool.capabilities))


class _PureConformance(PluginConformance):
    """What holds for everything that only looks at a request and at pools."""

    def pools(self) -> Sequence[PoolState]:
        """The pools that it is tried on. Add those that your plugin is about."""
        return sample_pools()

    def requests(self) -> Sequence[RequestSpec]:
        """The requests that it is tried on. Add those that your plugin is about."""
        return sample_requests()

    @abc.abstractmethod
    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        """What the plugin says, as plain values that can be compared."""

    def candidates(self) -> Candidates:
        return PoolTable(self.pools()).candidates()

    def test_it_is_deterministic(self) -> None:
        """The same question has the same answer, also from another instance."""
        for request in self.requests():
            plugin = self.make()
            first = self.answer(plugin, request, self.candidates())
            self.assertEqual(first, self.answer(plugin, request, self.candidates()), "another answer the second time")
            self.assertEqual(first, self.answer(self.make(), request, self.candidates()), "another instance differs")

    def test_it_leaves_its_inputs_as_they_were(self) -> None:
        """Neither the request nor a pool is written to."""
        for request in self.requests():
            given = replace(
                request, hints=dict(request.hints), properties=dict(request.properties), metadata=dict(request.metadata)
            )
            pools = [_writable(pool) for pool in self.pools()]
            before = repr((given, pools))
            self.answer(self.make(), given, PoolTable(pools).candidates())
            self.assertEqual(before, repr((given, pools)), "it wrote to what it was given")

    def test_it_touches_nothing_outside(self) -> None:
        """Whatever it must know beyond the request and the pools is a fact that it `needs`, and is fetched before."""
        plugin, candidates = self.make(), self.candidates()
        for request in self.requests():
            self.answer(plugin, request, candidates)
        with watched() as seen:
            for request in self.requests():
                self.answer(plugin, request, candidates)
        self.assertEqual([], seen[:5], "it did input or output while it judged")

    def test_it_is_safe_under_threads(self) -> None:
        """One instance serves several requests at once."""
        plugin, requests, candidates = self.make(), self.requests(), self.candidates()
        expected = [self.answer(plugin, request, candidates) for request in requests]

        def ask(number: int) -> None:
            at = number % len(requests)
            self.assertEqual(expected[at], self.answer(plugin, requests[at], candidates), "mixed up two requests")

        problems = together(ask)
        self.assertFalse(problems, "it answers differently when several threads ask at once")

    def test_it_can_do_with_no_pools(self) -> None:
        """Earlier filters may have left none."""
        nothing = PoolTable(()).candidates()
        for request in self.requests():
            self.answer(self.make(), request, nothing)

    def test_it_needs_what_can_be_fetched(self) -> None:
        """`needs` names facts that the engine knows."""
        needs: frozenset[str] = getattr(self.plugin_class(), "needs", frozenset())
        self.assertLessEqual(needs, KNOWN_NEEDS)


class FilterConformance(_PureConformance):
    """What every filter keeps to."""

    group = "volsched.filters"
    bases = (ColumnFilter, PoolFilter)
    verbs = ("screen",)

    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        passed = plugin.screen(request, candidates).passed
        self.assertIsInstance(passed, np.ndarray, "`passed` must be an array")
        self.assertEqual((np.dtype(np.bool_), (len(candidates),)), (passed.dtype, passed.shape), "one bool a candidate")
        return passed.tolist()

    def test_it_rejects_some_and_passes_some(self) -> None:
        """Otherwise the other laws say nothing: give it pools and requests that it is about."""
        answers = [
            verdict for request in self.requests() for verdict in self.answer(self.make(), request, self.candidates())
        ]
        self.assertIn(False, answers, "none of the samples is rejected: override pools() or requests()")
        self.assertIn(True, answers, "none of the samples passes: override pools() or requests()")

    def test_every_rejection_has_a_reason(self) -> None:
        """A user and an operator are told why."""
        candidates = self.candidates()
        for request in self.requests():
            screening = self.make().screen(request, candidates)
            for position in np.flatnonzero(~screening.passed):
                why = screening.why(int(position))
                self.assertIsInstance(why, str)
                self.assertTrue(why.strip(), f"{candidates[int(position)].pool_id} is rejected without a reason")

    def test_a_pool_is_judged_on_its_own(self) -> None:
        """Screening many pools is screening each: whether one passes does not hang on which others there are."""
        plugin, candidates = self.make(), self.candidates()
        for request in self.requests():
            whole = self.answer(plugin, request, candidates)
            for position, verdict in enumerate(whole):
                alone = self.answer(plugin, request, candidates.take(np.array([position])))
                self.assertEqual([verdict], alone, f"{candidates[position].pool_id} is judged otherwise alone")
            turned = self.answer(plugin, request, candidates.take(np.arange(len(candidates))[::-1]))
            self.assertEqual(whole, turned[::-1], "another order of the pools gives another answer")


class WeigherConformance(_PureConformance):
    """What every weigher keeps to."""

    group = "volsched.weighers"
    bases = (ColumnWeigher, PoolWeigher)
    verbs = ("weigh",)

    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        weights = plugin.weigh(request, candidates)
        self.assertIsInstance(weights, np.ndarray, "weigh() must give an array")
        self.assertEqual((np.dtype(np.float64), (len(candidates),)), (weights.dtype, weights.shape), "one float64 each")
        return [repr(weight) for weight in weights.tolist()]

    def test_weights_are_finite(self) -> None:
        """Neither NaN nor infinity: they cannot be compared with the weights of others."""
        candidates = self.candidates()
        for request in self.requests():
            weights = self.make().weigh(request, candidates)
            for position in np.flatnonzero(~np.isfinite(weights)):
                self.fail(f"{candidates[int(position)].pool_id} weighs {weights[position]}")

    def test_its_multiplier_is_a_number(self) -> None:
        """How much it counts is a finite number, and not 0: it would change no order."""
        multiplier = self.make().multiplier
        self.assertIsInstance(multiplier, int | float)
        self.assertTrue(np.isfinite(multiplier) and multiplier != 0, f"{multiplier} is no weight")


class WeightHandlerConformance(_PureConformance):
    """What every weight handler keeps to."""

    group = "volsched.weight_handlers"
    bases = (WeightHandler,)
    verbs = ("rank",)

    def weighings(self, count: int) -> Sequence[Weighing]:
        """What weighers said of so many pools."""
        rising = np.arange(count, dtype=np.float64)
        return (
            Weighing("rising", rising, 1.0),
            Weighing("level", np.ones(count), 2.0),
            Weighing("falling", 9 - rising, -0.5),
        )

    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        answers = []
        for weighings in (self.weighings(len(candidates)), ()):
            before = copy.deepcopy([weighing.raw for weighing in weighings])
            ranking = plugin.rank(request, candidates, weighings)
            for raw, weighing in zip(before, weighings, strict=True):
                self.assertEqual(raw.tolist(), weighing.raw.tolist(), "it wrote to what a weigher said")
            self.assertEqual(list(range(len(candidates))), sorted(ranking.order.tolist()), "every candidate once")
            self.assertEqual(ranking.order.shape, ranking.weights.shape, "one total a candidate")
            self.assertTrue(np.isfinite(ranking.weights).all(), "totals must be finite")
            shares = [share.tolist() for share in ranking.shares]
            self.assertEqual([len(candidates)] * len(weighings), [len(share) for share in shares], "a share each")
            answers.append((ranking.order.tolist(), ranking.weights.tolist(), shares))
        return answers

    def test_shares_add_up(self) -> None:
        """What the weighers added is the total, so that a decision can be explained."""
        candidates = self.candidates()
        for request in self.requests():
            ranking = self.make().rank(request, candidates, self.weighings(len(candidates)))
            totals = np.sum(ranking.shares, axis=0)[ranking.order]
            self.assertTrue(np.allclose(totals, ranking.weights), "totals are not the sums of the shares")
