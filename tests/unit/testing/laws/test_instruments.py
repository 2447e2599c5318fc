"""What the kit notices of the world outside, and what several threads do to one another."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

from tests import TestCase
from volsched.testing.laws.instruments import ROUNDS, THREADS, concurrently, recorded_io


class WatchingTest(TestCase):
    def test_files_sockets_and_programs_are_noticed(self) -> None:
        with socket.socket() as connection:
            for deed in (
                lambda: open(__file__).close(),
                lambda: os.listdir("."),
                lambda: connection.bind(("127.0.0.1", 0)),
                lambda: subprocess.run([sys.executable, "-V"], capture_output=True, check=True),
            ):
                with recorded_io() as seen:
                    deed()
                self.assertTrue(seen)

    def test_thinking_is_not(self) -> None:
        with recorded_io() as seen:
            sorted(str(number) for number in range(100))
        self.assertEqual([], seen)

    def test_other_threads_and_other_times_do_not_count(self) -> None:
        with recorded_io() as seen:
            thread = threading.Thread(target=os.listdir, args=(".",))
            thread.start()
            thread.join()
        os.listdir(".")
        self.assertEqual([], seen)


class TogetherTest(TestCase):
    def test_every_thread_does_every_round(self) -> None:
        done: list[int] = []
        self.assertEqual([], concurrently(done.append))
        self.assertEqual(ROUNDS * THREADS, len(done))

    def test_problems_are_handed_back_and_the_interpreter_is_as_before(self) -> None:
        before = sys.getswitchinterval()
        problems = concurrently(lambda number: int("x"))
        self.assertEqual([ValueError] * THREADS, [type(problem) for problem in problems])
        self.assertEqual(before, sys.getswitchinterval())
