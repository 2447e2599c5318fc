"""The base class of all tests: the checks that apply to every test, with stestr and with pytest."""

from __future__ import annotations

import inspect
import logging
import sys
import tempfile
import threading
import unittest
import warnings
from pathlib import Path
from typing import Any

import hypothesis

# No deadline: the suite also runs on slow, shared machines, and a property is no timing test.
hypothesis.settings.register_profile(
    "volsched", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("volsched")

#: What libraries say about themselves, mostly while they are imported, and we can do nothing about: messages, from
#: their start.
NOT_OURS = (
    "eventletutils module is deprecated",  # oslo.utils, imported by taskflow.engines
    r"\s*Eventlet is deprecated",  # oslo.utils and futurist, imported by oslo.messaging
    r"The 'oslo_service\.eventlet_backdoor' module",
    r"Using fork\(\) is a bad idea",  # eventlet, which oslo.service imports, of every fork after that
)


def make_warnings_errors() -> None:
    """From here on, in this process or `warnings.catch_warnings` block, every warning is an error."""
    warnings.simplefilter("error")
    for message in NOT_OURS:
        warnings.filterwarnings("ignore", message=message)


make_warnings_errors()  # also for what the test modules, and what they test, say while they are imported


class TestCase(unittest.TestCase):
    """A test in which warnings are errors, and so is what dies unseen in a thread or a finalizer.

    What is logged goes nowhere unless the test (or pytest, for tests that fail) listens: it is no news of the test run.

    A stray `async def test_…` is refused when its class is made: both runners would call it passed without running it.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, unittest.IsolatedAsyncioTestCase):
            return
        stray = [
            name for name in dir(cls) if name.startswith("test") and inspect.iscoroutinefunction(getattr(cls, name))
        ]
        if stray:
            raise TypeError(
                f"{cls.__qualname__}.{stray[0]} is async and would pass without running: "
                "write it plainly, or derive the class from unittest.IsolatedAsyncioTestCase as well"
            )

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        unseen: list[str] = []

        def in_finalizer(problem: Any) -> None:
            unseen.append(f"{problem.err_msg or 'in a finalizer'} ({problem.object!r}): {problem.exc_value!r}")

        def in_thread(problem: Any) -> None:
            unseen.append(f"in thread {getattr(problem.thread, 'name', '?')}: {problem.exc_value!r}")

        hooks = sys.unraisablehook, threading.excepthook
        quiet = logging.NullHandler()  # without any handler, logging writes warnings to stderr
        # The first cleanup that is added runs last: after everything that the test does.
        self.addCleanup(lambda: self.assertEqual([], unseen, "raised where no caller could see it"))
        with warnings.catch_warnings():
            make_warnings_errors()
            sys.unraisablehook, threading.excepthook = in_finalizer, in_thread
            logging.getLogger().addHandler(quiet)
            try:
                return super().run(result)
            finally:
                sys.unraisablehook, threading.excepthook = hooks
                logging.getLogger().removeHandler(quiet)

    def folder(self) -> Path:
        """A new, empty folder that goes away with the test."""
        return Path(self.enterContext(tempfile.TemporaryDirectory(prefix="volsched-test-"))).resolve()
