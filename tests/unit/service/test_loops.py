"""The loops of services: they survive every error of a step, with growing pauses and few log lines."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy.exc import OperationalError

from tests import TestCase
from volsched.exceptions import DatabaseUnavailable
from volsched.service import loops
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication
from volsched.service.loops import Guard

INTERRUPTED = OperationalError("SELECT 1", {}, RuntimeError("1317, 'Query execution was interrupted'"))
APPLICATION = cast("Application", cast("Any", object()))


def raising(problem: BaseException) -> loops.Step:
    def step(application: Application) -> None:
        raise problem

    return step


class TestGuard(TestCase):
    def test_errors_of_a_step_are_one_log_line_however_often_they_come(self) -> None:
        for problem in (DatabaseUnavailable("gone"), INTERRUPTED, KeyError("poison")):
            with self.subTest(problem=problem), self.assertLogs("volsched.service.loops", "ERROR") as seen:
                guard = Guard("work")
                for _ in range(5):
                    self.assertIsNone(guard.run(raising(problem), APPLICATION))
                self.assertEqual(1, len(seen.output))
                self.assertIn("; trying again", seen.output[0])

    def test_pause_grows_up_to_a_limit_and_a_success_ends_it(self) -> None:
        guard = Guard("work")
        self.assertEqual(0.0, guard.pause)
        pauses = []
        with self.assertLogs("volsched.service.loops", "ERROR"):
            for _ in range(40):
                guard.run(raising(INTERRUPTED), APPLICATION)
                pauses.append(guard.pause)
        self.assertEqual(sorted(pauses), pauses)
        self.assertEqual((loops.FIRST_PAUSE, loops.LONGEST_PAUSE), (pauses[0], pauses[-1]))
        self.assertIs(True, guard.run(lambda application: True, APPLICATION))
        self.assertEqual(0.0, guard.pause)


class RecordingEvent(threading.Event):
    """An event that records how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


class TestLoops(TestCase):
    def setUp(self) -> None:
        self.stop = RecordingEvent()
        scheduler = SimpleNamespace(poll_interval=0.0)
        application: Any = SimpleNamespace(woken=threading.Event(), conf=SimpleNamespace(scheduler=scheduler))
        self.current = CurrentApplication(application)

    def test_work_goes_on_after_an_unclassified_database_error(self) -> None:
        problems = [INTERRUPTED, RuntimeError("poison")]

        def step(application: Application) -> bool:
            if problems:
                raise problems.pop()
            self.stop.set()
            return True

        with self.assertLogs("volsched.service.loops", "ERROR"):
            loops._work(self.current, step, self.stop)
        self.assertTrue(self.stop.is_set())
        self.assertEqual([loops.FIRST_PAUSE, 2 * loops.FIRST_PAUSE, 0.0], self.stop.waits)

    def test_step_that_raises_does_not_prevent_the_next_one(self) -> None:
        done: list[str] = []

        def fails(application: Application) -> None:
            raise INTERRUPTED

        def succeeds(application: Application) -> None:
            done.append("done")
            if len(done) == 2:
                self.stop.set()

        with self.assertLogs("volsched.service.loops", "ERROR") as seen:
            loops._repeat(self.current, "look", [fails, succeeds], lambda application: 0.0, self.stop)
        self.assertEqual(["done", "done"], done)
        self.assertEqual(1, len(seen.output))
