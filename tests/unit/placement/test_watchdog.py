"""Plugins that raise, return bad results or take long: each is named with its package in error, decision and log."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests import TestCase
from volsched.exceptions import InvalidRequest, PluginError
from volsched.model.candidates import Candidates, Column
from volsched.model.decision import Screening
from volsched.model.refusal_messages import decision_message
from volsched.model.request import RequestSpec
from volsched.placement.pipeline import Placing
from volsched.placement.watchdog import Watchdog, Watched
from volsched.plugins import ColumnFilter, ColumnWeigher, Ranking, Weighing, WeightHandler
from volsched.testing import a_pool, a_pool_table, a_request, a_volume_type
from volsched.testing.installed import a_plugin

LEVEL = Column("level", np.float64, lambda pool: pool.capabilities.get("level", 0.0))
NO_SHARES = (np.zeros(3),)
EVERY = Callable[[RequestSpec, Candidates], Any]


class Rack(ColumnFilter):
    """Returns a given result."""

    contract = (1, 0)

    def __init__(self, answer: EVERY) -> None:
        self.answer = answer

    def screen(self, request: RequestSpec, candidates: Candidates) -> Any:
        return self.answer(request, candidates)


class Scale(ColumnWeigher):
    """Returns a given result."""

    contract = (1, 0)

    def __init__(self, answer: EVERY) -> None:
        self.answer = answer

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Any:
        return self.answer(request, candidates)


class Judge(WeightHandler):
    """Returns a given result."""

    contract = (1, 0)

    def __init__(self, answer: EVERY) -> None:
        self.answer = answer

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Any:
        return self.answer(request, candidates)


def passing(request: RequestSpec, candidates: Candidates) -> Screening:
    return Screening(np.ones(len(candidates), np.bool_), lambda _: "")


def equal(request: RequestSpec, candidates: Candidates) -> Any:
    return np.zeros(len(candidates))


def raising(problem: BaseException) -> EVERY:
    def answer(request: RequestSpec, candidates: Candidates) -> Any:
        raise problem

    return answer


def answering(answer: Any) -> EVERY:
    return lambda request, candidates: answer


def ranked(order: Any, weights: Any, shares: Any = NO_SHARES) -> EVERY:
    return lambda request, candidates: Ranking(np.array(order), np.array(weights), shares)


def into(change: Callable[[RequestSpec, Candidates], None]) -> EVERY:
    """Return a plugin that writes to its arguments."""

    def answer(request: RequestSpec, candidates: Candidates) -> Any:
        change(request, candidates)
        return passing(request, candidates)

    return answer


def wrote_column(request: RequestSpec, candidates: Candidates) -> None:
    candidates.column(LEVEL)[0] = 1.0


def wrote_rows(request: RequestSpec, candidates: Candidates) -> None:
    candidates.rows[0] = 2


def wrote_conclusion(request: RequestSpec, candidates: Candidates) -> None:
    candidates.judged("mine", lambda pools: np.ones(len(pools), np.bool_))[0] = False


def wrote_codes(request: RequestSpec, candidates: Candidates) -> None:
    from volsched.model.columns import ZONE

    candidates.coded(ZONE).codes[0] = 7


def wrote_pool(request: RequestSpec, candidates: Candidates) -> None:
    candidates[0].free_gb = 1e9  # type: ignore[misc]


def wrote_capabilities(request: RequestSpec, candidates: Candidates) -> None:
    candidates[0].capabilities["level"] = 9  # type: ignore[index]


def wrote_request(request: RequestSpec, candidates: Candidates) -> None:
    request.size_gb = 1  # type: ignore[misc]


#: A filter's misbehavior, and part of the error.
OF_FILTERS: Sequence[tuple[str, EVERY, str]] = (
    ("raises", raising(KeyError("shelf")), "KeyError: 'shelf'"),
    ("raises what is no ordinary exception", raising(SystemExit("no licence")), "SystemExit: no licence"),
    ("asserts", raising(AssertionError()), "AssertionError"),
    ("answers with nothing", answering(None), "AttributeError"),
    ("answers with a list", answering(Screening([True] * 3, str)), "bool array as `passed`, not list"),  # type: ignore[arg-type]
    ("answers with numbers", answering(Screening(np.ones(3), str)), "not float64 array"),  # type: ignore[arg-type]
    ("answers for too few", answering(Screening(np.ones(2, np.bool_), str)), "shape (2,) for 3 candidates"),
    ("answers in two dimensions", answering(Screening(np.ones((3, 1), np.bool_), str)), "shape (3, 1)"),
    ("writes to a column", into(wrote_column), "read-only"),
    ("writes to the selection", into(wrote_rows), "read-only"),
    ("writes to a conclusion", into(wrote_conclusion), "read-only"),
    ("writes to codes", into(wrote_codes), "read-only"),
    ("writes to a pool", into(wrote_pool), "immutable type"),
    ("writes to capabilities", into(wrote_capabilities), "does not support item assignment"),
    ("writes to the request", into(wrote_request), "immutable type"),
)
OF_WEIGHERS: Sequence[tuple[str, EVERY, str]] = (
    ("raises", raising(ZeroDivisionError("division by zero")), "ZeroDivisionError: division by zero"),
    ("answers with nothing", answering(None), "float64 array, not NoneType"),
    ("answers with a list", answering([1.0, 2.0, 3.0]), "float64 array, not list"),
    ("answers with whole numbers", answering(np.array([1, 2, 3])), "float64 array, not int64 array"),
    ("answers for too many", answering(np.zeros(4)), "shape (4,) for 3 candidates"),
    ("answers with no number", answering(np.array([0.0, np.nan, 1.0])), "weight nan for node1@disk#b"),
    ("answers without bound", answering(np.array([0.0, 1.0, np.inf])), "weight inf for node1@disk#c"),
)
OF_HANDLERS: Sequence[tuple[str, EVERY, str]] = (
    ("raises", raising(IndexError("list index out of range")), "IndexError"),
    ("answers with nothing", answering(None), "TypeError"),
    ("leaves one out", ranked([0, 1], [1.0, 1.0]), "each of 3 candidates once"),
    ("names one twice", ranked([0, 1, 1], [1.0, 1.0, 1.0]), "each of 3 candidates once"),
    ("names one that is not there", ranked([0, 1, 3], [1.0, 1.0, 1.0]), "each of 3 candidates once"),
    ("gives too few weights", ranked([0, 1, 2], [1.0]), "positions and (1,) weights"),
    ("gives no number", ranked([0, 1, 2], [1.0, np.nan, 0.0]), "not finite"),
    ("forgets the shares", ranked([0, 1, 2], [1.0, 1.0, 1.0], ()), "0 shares for 1 weighers"),
)


class TestBadInput(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.pools = a_pool_table(*(a_pool(name, capabilities={"level": 1.0}) for name in "abc"))

    def supervised(
        self, answer: EVERY = passing, weigh: EVERY = equal, rank: EVERY | None = None, slow_seconds: float = 60.0
    ) -> Watchdog:
        rack, scale = Rack(answer), Scale(weigh)
        handler = a_plugin("volsched.weight_handlers", "ordered") if rank is None else Judge(rank)
        watched = [
            Watched(name=name, label=f"{kind} {name} of acme-{name} 1.2", package=f"acme-{name} 1.2", plugin=plugin)
            for kind, name, plugin in (
                ("filter", "rack", rack),
                ("weigher", "scale", scale),
                ("weight handler", "judge", handler),
            )
        ]
        return Watchdog(Placing([("rack", rack)], [("scale", scale)], handler), watched, slow_seconds=slow_seconds)

    def assert_named(self, watchdog: Watchdog, name: str, message: str) -> None:
        with (
            self.assertRaises(PluginError) as caught,
            self.assertLogs("volsched.placement.watchdog", "ERROR") as logged,
        ):
            watchdog.place(a_request(), self.pools.candidates())
        problem = caught.exception
        self.assertEqual((name, f"acme-{name} 1.2"), (problem.plugin, problem.package))
        self.assertTrue(str(problem).startswith(f"plugin {name} of acme-{name} 1.2: "), problem)
        self.assertIn(message, str(problem))
        self.assertIn(str(problem), logged.output[0])
        decision = problem.decision
        assert decision is not None
        self.assertFalse(decision, "pools were chosen all the same")
        self.assertEqual(str(problem), decision.plain()["failed"])
        self.assertEqual(str(problem), decision.plain()["reason"])
        self.assertNotIn("acme", decision_message(decision), "the user reads the operator's reason")

    def test_filters_that_misbehave_are_named(self) -> None:
        for misbehavior, answer, message in OF_FILTERS:
            with self.subTest(misbehavior):
                self.assert_named(self.supervised(answer), "rack", message)

    def test_weighers_that_misbehave_are_named(self) -> None:
        for misbehavior, answer, message in OF_WEIGHERS:
            with self.subTest(misbehavior):
                self.assert_named(self.supervised(weigh=answer), "scale", message)

    def test_weight_handlers_that_misbehave_are_named(self) -> None:
        for misbehavior, answer, message in OF_HANDLERS:
            with self.subTest(misbehavior):
                self.assert_named(self.supervised(rank=answer), "judge", message)

    def test_candidates_are_unchanged_after_a_write(self) -> None:
        def halves(request: RequestSpec, candidates: Candidates) -> Screening:
            passed = np.array([True, False, True])
            return Screening(passed, lambda _: "no")

        def writes(request: RequestSpec, candidates: Candidates) -> Any:
            candidates.rows[0] = 1
            return np.zeros(len(candidates))

        self.assert_named(self.supervised(halves, writes), "scale", "read-only")
        self.assertEqual(["a", "b", "c"], [pool.name for pool in self.pools.candidates()])

    def test_rejection_stands_where_the_filter_cannot_give_its_reason(self) -> None:
        def rejecting(request: RequestSpec, candidates: Candidates) -> Screening:
            def why(position: int) -> str:
                raise KeyError(position)

            return Screening(np.zeros(len(candidates), np.bool_), why)

        decision = self.supervised(rejecting).place(a_request(), self.pools.candidates())
        self.assertFalse(decision)
        self.assertIn("the filter rack cannot say why: KeyError: 0", decision.reason())
        self.assertIn("cannot say why", decision.plain()["filters"][0]["rejected"][2]["why"])

    def test_invalid_request_is_not_a_plugin_error(self) -> None:
        with self.assertRaises(InvalidRequest):
            self.supervised(raising(InvalidRequest("query", "not JSON"))).place(a_request(), self.pools.candidates())

    def test_screening_is_supervised_too(self) -> None:
        with self.assertRaisesRegex(PluginError, "of acme-rack 1.2"):
            self.supervised(raising(OSError("gone"))).screen(a_request(), self.pools.candidates())

    def test_request_is_read_only(self) -> None:
        request = a_request(volume_type=a_volume_type(), hints={}, metadata={})
        for name in ("operation", "size_gb", "hints", "volume_type"):
            with self.subTest(name), self.assertRaises(AttributeError):
                setattr(request, name, None)

    # -- slow plugins ------------------------------------------------------------------------------------------

    def test_slow_plugin_is_named_while_it_runs_and_when_it_has_finished(self) -> None:
        named, done = threading.Event(), threading.Event()

        class Listening(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(record.getMessage())
                (done if "finished" in lines[-1] else named).set()

        def dawdles(request: RequestSpec, candidates: Candidates) -> Screening:
            self.assertTrue(named.wait(60), "the plugin was not named")
            return passing(request, candidates)

        lines: list[str] = []
        logger, handler = logging.getLogger("volsched.placement.watchdog"), Listening()
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        watchdog = self.supervised(dawdles, slow_seconds=0.02)
        self.assertTrue(watchdog.place(a_request(), self.pools.candidates()))
        self.assertTrue(done.wait(60), "the end was not logged")
        self.assertEqual(2, len(lines))
        self.assertRegex(lines[0], r"^filter rack of acme-rack 1.2 has been running for \d.*slow_plugin_seconds")
        self.assertIn("cannot be interrupted", lines[0])
        self.assertRegex(lines[1], r"^filter rack of acme-rack 1.2 finished a request after \d")

    def test_quick_plugin_is_not_logged(self) -> None:
        checked: list[bool] = []

        def checks(request: RequestSpec, candidates: Candidates) -> Screening:
            checked.append(True)
            watchdog.check()
            return passing(request, candidates)

        watchdog = self.supervised(checks)
        with self.assertNoLogs("volsched.placement.watchdog"):
            watchdog.place(a_request(), self.pools.candidates())
            watchdog.check()
        self.assertTrue(checked)

    def test_slow_plugin_is_logged_once_while_it_runs_and_a_later_one_anew(self) -> None:
        def dawdles(request: RequestSpec, candidates: Candidates) -> Any:
            for _ in range(2):
                watchdog.check()
            return passing(request, candidates)

        def dawdles_too(request: RequestSpec, candidates: Candidates) -> Any:
            watchdog.check()
            return equal(request, candidates)

        watchdog = self.supervised(dawdles, dawdles_too, slow_seconds=1e-9)
        with self.assertLogs("volsched.placement.watchdog", "WARNING") as logged:
            watchdog.place(a_request(), self.pools.candidates())
        for label in ("filter rack", "weigher scale"):
            named = [
                line for line in logged.output if f"{label} of acme-{label.split()[1]} 1.2 has been running" in line
            ]
            self.assertEqual(1, len(named), logged.output)

    def test_watchdog_thread_ends_with_the_watchdog(self) -> None:
        before = {thread for thread in threading.enumerate() if thread.name == "watchdog"}
        watchdog = self.supervised(slow_seconds=0.01)
        watchdog.place(a_request(), self.pools.candidates())
        (thread,) = {thread for thread in threading.enumerate() if thread.name == "watchdog"} - before
        gone = weakref.ref(watchdog)
        del watchdog
        gc.collect()
        thread.join(60)
        self.assertFalse(thread.is_alive())
        self.assertIsNone(gone())
