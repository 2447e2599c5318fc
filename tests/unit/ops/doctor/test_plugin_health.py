"""Tests of trying plugins out: what they do wrong is told, and nothing waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tests
from volsched.loader import NOTIFIER, Catalog
from volsched.loader.construction import Built, Prepared
from volsched.loader.selection import Choice
from volsched.ops.doctor.plugin_health import TooSlow, probed, within
from volsched.plugins import Event, Notifier


class Odd(Notifier):
    """A notifier that does what it is told."""

    contract = (1, 0)

    def __init__(self, **does: Callable[[], Any]) -> None:
        self.does = does
        self.said: list[str] = []

    def start(self) -> None:
        self.said.append("start")
        self.does.get("start", lambda: None)()

    def health(self) -> str | None:
        self.said.append("health")
        answer: str | None = self.does.get("health", lambda: None)()
        return answer

    def stop(self) -> None:
        self.said.append("stop")
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

    def test_one_that_is_well(self) -> None:
        plugin = Odd()
        self.assertEqual([], self.probe(plugin))
        self.assertEqual(["start", "health", "stop"], plugin.said)

    def test_one_that_cannot_start(self) -> None:
        def fail() -> None:
            raise OSError("no entry for hunter2")

        ((code, what),) = self.probe(Odd(start=fail))
        self.assertEqual("VS111", code)
        self.assertTrue(what.endswith("cannot start: OSError: no entry for ***"), what)

    def test_one_that_is_not_well(self) -> None:
        ((code, what),) = self.probe(Odd(health=lambda: "full of hunter2"))
        self.assertEqual("VS216", code)
        self.assertTrue(what.endswith("is not well: full of ***"), what)

    def test_one_that_does_not_answer(self) -> None:
        for step in ("start", "health", "stop"):
            with self.subTest(step=step):
                ((code, what),) = self.probe(Odd(**{step: self.release.wait}), 0.05)
                self.assertEqual("VS217", code)
                self.assertTrue(what.endswith("no answer within 0.05 s"), what)

    def test_one_whose_health_breaks(self) -> None:
        ((code, what),) = self.probe(Odd(health=lambda: 1 // 0))
        self.assertEqual("VS216", code)
        self.assertIn("cannot say how it is: ZeroDivisionError", what)


class TestWithin(tests.TestCase):
    def test_the_answer(self) -> None:
        self.assertEqual(7, within(30, lambda: 7))

    def test_what_is_raised_is_raised(self) -> None:
        def late() -> None:
            raise TimeoutError("its own")

        with self.assertRaisesRegex(TimeoutError, "its own"):
            within(30, late)

    def test_no_answer(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        with self.assertRaises(TooSlow):
            within(0.01, release.wait)
