"""Tests of plugin trials: each problem is reported, and no plugin is waited for without a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tests
from tests.unit.ops.doctor.world import World
from volsched.exceptions import NotFound
from volsched.loader import NOTIFIER, Catalog
from volsched.loader.construction import Built, Prepared
from volsched.loader.selection import Choice
from volsched.ops.doctor import plugin_trials
from volsched.ops.doctor.plugin_trials import TooSlow, probed, within
from volsched.plugins import Event, Notifier


class TestTrials(World):
    def test_every_selected_plugin_is_tried(self) -> None:
        context = self.context("[scheduler]\nprofiles = p\n[profile_p]\ntypes = gold\nfilters = driver, capacity\n")
        tried = plugin_trials.selected(context.conf, context.catalog, probe=True)
        names = sorted(it.choice.name for it in tried if it.choice is not None)
        self.assertEqual(
            ["availability_zone", "capabilities", "capacity", "capacity", "driver", "filter", "log", "ordered"], names
        )
        self.assertTrue(all(it.sound for it in tried))

    def test_problems_of_the_selection_are_listed_first(self) -> None:
        context = self.context("[scheduler]\nfilters = capcity, capabilities\n")
        tried = plugin_trials.selected(context.conf, context.catalog, probe=False)
        self.assertEqual(["VS101"], [problem.code for it in tried for problem in it.problems])
        self.assertIsNone(tried[0].choice)

    def test_a_plugin_that_is_not_selected_is_tried_by_name(self) -> None:
        context = self.context()
        (tried,) = plugin_trials.named(context.conf, context.catalog, "jsonl", None, probe=False)
        self.assertFalse(tried.sound)
        self.assertEqual([("VS107", "[notifier_jsonl] path")], self.codes(tried.problems))

    def test_an_instance_is_started_only_with_probe(self) -> None:
        text = "[notifications]\nnotifiers = ops\n[notifier_ops]\ndriver = jsonl\npath = /no/such/folder/x\n"
        context = self.context(text)
        (tried,) = plugin_trials.named(context.conf, context.catalog, "ops", None, probe=False)
        self.assertTrue(tried.sound)
        (probed,) = plugin_trials.named(context.conf, context.catalog, "ops", None, probe=True)
        self.assertEqual([("VS111", "[notifier_ops]")], self.codes(probed.problems))

    def test_a_scheduler_driver_is_tried_without_the_configured_database(self) -> None:
        context = self.context()
        (tried,) = plugin_trials.named(context.conf, context.catalog, "chance", "schedulers", probe=True)
        self.assertEqual((), tried.problems)

    def test_a_name_of_two_kinds_is_tried_as_both(self) -> None:
        context = self.context()
        self.assertEqual(2, len(plugin_trials.named(context.conf, context.catalog, "capacity", None, probe=False)))

    def test_an_unknown_name_raises_not_found_with_the_closest_name(self) -> None:
        context = self.context()
        with self.assertRaisesRegex(NotFound, "did you mean 'capacity'"):
            plugin_trials.named(context.conf, context.catalog, "capcity", None, probe=False)


class Odd(Notifier):
    """A notifier whose start, health and stop are given by the test."""

    contract = (1, 0)

    def __init__(self, **does: Callable[[], Any]) -> None:
        self.does = does
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")
        self.does.get("start", lambda: None)()

    def health(self) -> str | None:
        self.calls.append("health")
        answer: str | None = self.does.get("health", lambda: None)()
        return answer

    def stop(self) -> None:
        self.calls.append("stop")
        self.does.get("stop", lambda: None)()

    def notify(self, event: Event) -> None: ...


class TestProbed(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.entry = next(entry for entry in Catalog.discover().of(NOTIFIER) if entry.name == "noop")

    def probe(self, plugin: Odd, seconds: float = 30.0) -> list[tuple[str, str]]:
        choice = Choice(entry=self.entry, name="odd", where="here")
        prepared = Prepared(choice=choice, plugin_class=Odd, values={}, secrets=("hunter2",))
        problems = list(probed([Built(prepared=prepared, plugin=plugin)], seconds))
        self.assertEqual({"[notifier_odd]"} if problems else set(), {problem.where for problem in problems})
        return [(problem.code, problem.what) for problem in problems]

    def test_a_healthy_plugin_is_started_queried_and_stopped(self) -> None:
        plugin = Odd()
        self.assertEqual([], self.probe(plugin))
        self.assertEqual(["start", "health", "stop"], plugin.calls)

    def test_a_plugin_that_cannot_start_is_reported_without_its_secrets(self) -> None:
        def fail() -> None:
            raise OSError("no entry for hunter2")

        ((code, what),) = self.probe(Odd(start=fail))
        self.assertEqual("VS111", code)
        self.assertTrue(what.endswith("cannot start: OSError: no entry for ***"), what)

    def test_a_health_problem_is_reported_without_secrets(self) -> None:
        ((code, what),) = self.probe(Odd(health=lambda: "full of hunter2"))
        self.assertEqual("VS216", code)
        self.assertTrue(what.endswith("reports a problem: full of ***"), what)

    def test_a_plugin_that_does_not_answer_is_reported_after_the_limit(self) -> None:
        for step in ("start", "health", "stop"):
            with self.subTest(step=step):
                ((code, what),) = self.probe(Odd(**{step: self.release.wait}), 0.05)
                self.assertEqual("VS217", code)
                self.assertTrue(what.endswith("no answer within 0.05 s"), what)

    def test_a_failing_health_check_is_reported(self) -> None:
        ((code, what),) = self.probe(Odd(health=lambda: 1 // 0))
        self.assertEqual("VS216", code)
        self.assertIn("health() of", what)


class TestWithin(tests.TestCase):
    def test_the_result_is_returned(self) -> None:
        self.assertEqual(7, within(30, lambda: 7))

    def test_an_exception_of_the_call_is_raised(self) -> None:
        def late() -> None:
            raise TimeoutError("its own")

        with self.assertRaisesRegex(TimeoutError, "its own"):
            within(30, late)

    def test_a_slow_call_raises_too_slow(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        with self.assertRaises(TooSlow):
            within(0.01, release.wait)
