"""Wake-ups: within the process, and over a bus that works, fails or hangs."""

from __future__ import annotations

import threading

from tests import TestCase
from volsched.messaging.caster import MOST_WAITING, LocalCaster, RpcCaster


class TestLocalCaster(TestCase):
    def test_wakes_everybody_who_listens(self) -> None:
        first, second = threading.Event(), threading.Event()
        caster = LocalCaster(first)
        caster.listen(second)
        caster.wake("scheduler")
        self.assertTrue(first.is_set() and second.is_set())

    def test_nobody_needs_to_listen(self) -> None:
        LocalCaster().wake("scheduler")


class TestRpcCaster(TestCase):
    def test_sends_what_it_was_asked_to(self) -> None:
        sent: list[str] = []
        caster = RpcCaster(sent.append)
        caster.wake("scheduler")
        caster.wake("agent:h@b")
        caster.stop(30)
        caster.stop()
        self.assertEqual(["scheduler", "agent:h@b"], sent)

    def test_queue_that_waits_to_be_woken_is_not_noted_twice(self) -> None:
        go, began = threading.Event(), threading.Event()
        self.addCleanup(go.set)
        sent: list[str] = []

        def send(queue: str) -> None:
            began.set()
            go.wait()
            sent.append(queue)

        caster = RpcCaster(send)
        caster.wake("a")
        self.assertTrue(began.wait(30))
        for _ in range(5):
            caster.wake("a")  # noted once more: the first is on its way already
            caster.wake("b")
        go.set()
        caster.stop(30)
        self.assertEqual(["a", "a", "b"], sent)

    def test_bus_that_hangs_holds_up_nobody(self) -> None:
        go = threading.Event()
        self.addCleanup(go.set)
        caster = RpcCaster(lambda queue: go.wait())
        for number in range(MOST_WAITING + 10):
            caster.wake(f"queue{number}")
        caster.stop(0.01)

    def test_a_bus_that_fails_is_logged_once_and_used_again(self) -> None:
        sent: list[str] = []
        broken = [True]

        def send(queue: str) -> None:
            if broken[0]:
                raise OSError("connection refused")
            sent.append(queue)

        caster = RpcCaster(send)
        with self.assertLogs("volsched.messaging.caster", "WARNING") as log:
            caster.wake("a")
            caster.wake("b")
            caster.stop(30)
        self.assertEqual(1, len(log.records))
        broken[0] = False
        caster.wake("c")
        caster.stop(30)
        self.assertEqual(["c"], sent)

    def test_thread_is_not_started_before_it_is_needed(self) -> None:
        before = threading.active_count()
        RpcCaster(print)
        self.assertEqual(before, threading.active_count())
