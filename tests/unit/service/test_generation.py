"""Replacement of the application: a piece of work keeps the one that it began with, and nothing waits."""

from __future__ import annotations

import threading
from typing import Any, cast

from tests import TestCase
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication, DeliveryLoop, EitherEvent


class Delivering:
    """A delivery that runs until it is stopped, and signals its start and end."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Semaphore(0), threading.Semaphore(0)

    def run(self, stop: threading.Event) -> None:
        self.begun.release()
        while not stop.wait(0.01) and not stop.is_set():
            pass
        self.ended.release()


class FakeApplication:
    """The part of an application that the delivery loop uses."""

    def __init__(self) -> None:
        self.delivery = Delivering()


def an_application() -> Application:
    return cast("Application", cast("Any", FakeApplication()))


class TestCurrentApplication(TestCase):
    def setUp(self) -> None:
        self.old, self.new = an_application(), an_application()
        self.current = CurrentApplication(self.old)
        self.retired: list[str] = []

    def test_unused_application_is_retired_at_once(self) -> None:
        with self.current.used() as application:
            self.assertIs(self.old, application)
        self.current.replace(self.new, lambda: self.retired.append("old"))
        self.assertEqual(["old"], self.retired)
        with self.current.used() as application:
            self.assertIs(self.new, application)

    def test_used_application_is_retired_after_its_last_use(self) -> None:
        with self.current.used() as first, self.current.used():
            self.current.replace(self.new, lambda: self.retired.append("old"))
            self.assertIs(self.old, first)
            with self.current.used() as later:
                self.assertIs(self.new, later)
            self.assertEqual([], self.retired)
        self.assertEqual(["old"], self.retired)


class TestDeliveryLoop(TestCase):
    def test_delivery_is_paused_while_notifiers_are_replaced(self) -> None:
        old, new = an_application(), an_application()
        current, stop = CurrentApplication(old), threading.Event()
        loop = DeliveryLoop(current)
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        before, after = cast("Any", old).delivery, cast("Any", new).delivery
        self.assertTrue(before.begun.acquire(timeout=30))
        with loop.paused():
            self.assertTrue(before.ended.acquire(blocking=False), "it has ended before the block begins")
            current.replace(new, lambda: None)
            self.assertFalse(after.begun.acquire(blocking=False))
        self.assertTrue(after.begun.acquire(timeout=30))
        stop.set()
        thread.join()
        self.assertTrue(after.ended.acquire(blocking=False))
        self.assertFalse(before.begun.acquire(blocking=False))


class TestEitherEvent(TestCase):
    def test_set_by_itself_or_with_the_other(self) -> None:
        other = threading.Event()
        one, two = EitherEvent(other), EitherEvent(other)
        one.set()
        self.assertEqual((True, False), (one.is_set(), two.is_set()))
        other.set()
        self.assertTrue(two.is_set())
