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
from volsched.testing.laws.instruments import concurrently, recorded_io
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.laws.samples import sample_pools, sample_requests

KNOWN_NEEDS = frozenset({INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS})


def _writable(pool: PoolState) -> PoolState:
    return replace(pool, capabilities=dict(pool.capabilities))


class _PureConformance(PluginConformance):
    """The laws for plugins that compute a result from a request and pools."""

    def pools(self) -> Sequence[PoolState]:
        """Return the sample pools. Add pools that your plugin distinguishes."""
        return sample_pools()

    def requests(self) -> Sequence[RequestSpec]:
        """Return the sample requests. Add requests that your plugin distinguishes."""
        return sample_requests()

    @abc.abstractmethod
    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        """Return the plugin's result as plain values that can be compared."""

    def candidates(self) -> Candidates:
        return PoolTable(self.pools()).candidates()

    def test_it_is_deterministic(self) -> None:
        """The same request has the same result, also from another instance."""
        for request in self.requests():
            plugin = self.make()
            first = self.answer(plugin, request, self.candidates())
            self.assertEqual(first, self.answer(plugin, request, self.candidates()), "the second result differs")
            self.assertEqual(first, self.answer(self.make(), request, self.candidates()), "another instance differs")

    def test_its_inputs_are_unchanged(self) -> None:
        """Neither the request nor a pool is written to."""
        for request in self.requests():
            given = replace(
                request, hints=dict(request.hints), properties=dict(request.properties), metadata=dict(request.metadata)
            )
            pools = [_writable(pool) for pool in self.pools()]
            before = repr((given, pools))
            self.answer(self.make(), given, PoolTable(pools).candidates())
            self.assertEqual(before, repr((given, pools)), "it wrote to what it was given")

    def test_it_does_no_input_or_output(self) -> None:
        """Data besides the request and the pools are facts in `needs`, which are fetched before."""
        plugin, candidates = self.make(), self.candidates()
        for request in self.requests():
            self.answer(plugin, request, candidates)
        with recorded_io() as seen:
            for request in self.requests():
                self.answer(plugin, request, candidates)
        self.assertEqual([], seen[:5], "it did input or output")

    def test_it_is_safe_under_threads(self) -> None:
        """One instance serves several requests at once."""
        plugin, requests, candidates = self.make(), self.requests(), self.candidates()
        expected = [self.answer(plugin, request, candidates) for request in requests]

        def ask(number: int) -> None:
            at = number % len(requests)
            self.assertEqual(expected[at], self.answer(plugin, requests[at], candidates), "mixed up two requests")

        problems = concurrently(ask)
        self.assertFalse(problems, "the results differ when several threads use it at once")

    def test_it_accepts_an_empty_table(self) -> None:
        """It accepts an empty table: earlier filters may have rejected every pool."""
        nothing = PoolTable(()).candidates()
        for request in self.requests():
            self.answer(self.make(), request, nothing)

    def test_its_needs_are_known(self) -> None:
        """`needs` names facts that volsched can fetch."""
        needs: frozenset[str] = getattr(self.plugin_class(), "needs", frozenset())
        self.assertLessEqual(needs, KNOWN_NEEDS)


class FilterConformance(_PureConformance):
    """The laws for filters."""

    group = "volsched.filters"
    bases = (ColumnFilter, PoolFilter)
    verbs = ("screen",)

    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        passed = plugin.screen(request, candidates).passed
        self.assertIsInstance(passed, np.ndarray, "`passed` must be an array")
        self.assertEqual((np.dtype(np.bool_), (len(candidates),)), (passed.dtype, passed.shape), "one bool a candidate")
        return passed.tolist()

    def test_it_rejects_some_and_passes_some(self) -> None:
        """The samples include a pool that it rejects and one that passes; otherwise the other laws prove nothing."""
        answers = [
            verdict for request in self.requests() for verdict in self.answer(self.make(), request, self.candidates())
        ]
        self.assertIn(False, answers, "none of the samples is rejected: override pools() or requests()")
        self.assertIn(True, answers, "none of the samples passes: override pools() or requests()")

    def test_every_rejection_has_a_reason(self) -> None:
        """Each rejected pool has a reason."""
        candidates = self.candidates()
        for request in self.requests():
            screening = self.make().screen(request, candidates)
            for position in np.flatnonzero(~screening.passed):
                why = screening.why(int(position))
                self.assertIsInstance(why, str)
                self.assertTrue(why.strip(), f"{candidates[int(position)].pool_id} is rejected without a reason")

    def test_a_pool_is_judged_on_its_own(self) -> None:
        """Whether a pool passes does not depend on the other pools or their order."""
        plugin, candidates = self.make(), self.candidates()
        for request in self.requests():
            whole = self.answer(plugin, request, candidates)
            for position, verdict in enumerate(whole):
                alone = self.answer(plugin, request, candidates.take(np.array([position])))
                self.assertEqual([verdict], alone, f"{candidates[position].pool_id} has another result alone")
            turned = self.answer(plugin, request, candidates.take(np.arange(len(candidates))[::-1]))
            self.assertEqual(whole, turned[::-1], "another order of the pools gives another result")


class WeigherConformance(_PureConformance):
    """The laws for weighers."""

    group = "volsched.weighers"
    bases = (ColumnWeigher, PoolWeigher)
    verbs = ("weigh",)

    def answer(self, plugin: Any, request: RequestSpec, candidates: Candidates) -> Any:
        weights = plugin.weigh(request, candidates)
        self.assertIsInstance(weights, np.ndarray, "weigh() must return an array")
        self.assertEqual((np.dtype(np.float64), (len(candidates),)), (weights.dtype, weights.shape), "one float64 each")
        return [repr(weight) for weight in weights.tolist()]

    def test_weights_are_finite(self) -> None:
        """Neither NaN nor infinity, which cannot be compared with other weights."""
        candidates = self.candidates()
        for request in self.requests():
            weights = self.make().weigh(request, candidates)
            for position in np.flatnonzero(~np.isfinite(weights)):
                self.fail(f"{candidates[int(position)].pool_id} weighs {weights[position]}")

    def test_its_multiplier_is_a_number(self) -> None:
        """The multiplier is a finite number other than 0."""
        multiplier = self.make().multiplier
        self.assertIsInstance(multiplier, int | float)
        self.assertTrue(np.isfinite(multiplier) and multiplier != 0, f"got the multiplier {multiplier}")


class WeightHandlerConformance(_PureConformance):
    """The laws for weight handlers."""

    group = "volsched.weight_handlers"
    bases = (WeightHandler,)
    verbs = ("rank",)

    def weighings(self, count: int) -> Sequence[Weighing]:
        """Return the weights of several weighers for `count` pools."""
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
                self.assertEqual(raw.tolist(), weighing.raw.tolist(), "it wrote to the weights of a weigher")
            self.assertEqual(list(range(len(candidates))), sorted(ranking.order.tolist()), "every candidate once")
            self.assertEqual(ranking.order.shape, ranking.weights.shape, "one total a candidate")
            self.assertTrue(np.isfinite(ranking.weights).all(), "totals must be finite")
            shares = [share.tolist() for share in ranking.shares]
            self.assertEqual([len(candidates)] * len(weighings), [len(share) for share in shares], "a share each")
            answers.append((ranking.order.tolist(), ranking.weights.tolist(), shares))
        return answers

    def test_shares_add_up(self) -> None:
        """The shares of the weighers add up to the total, so that a decision can be explained."""
        candidates = self.candidates()
        for request in self.requests():
            ranking = self.make().rank(request, candidates, self.weighings(len(candidates)))
            totals = np.sum(ranking.shares, axis=0)[ranking.order]
            self.assertTrue(np.allclose(totals, ranking.weights), "totals are not the sums of the shares")
