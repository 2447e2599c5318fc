"""Runs the same code in several threads at once, as hard on it as can be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

THREADS = 4
ROUNDS = 15
SWITCH_SECONDS = 1e-6


def together(work: Callable[[int], None]) -> list[BaseException]:
    """What went wrong while every thread did `work(number of the round)`, each in another order of rounds."""
    problems: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(thread: int) -> None:
        start.wait()
        try:
            for number in range(ROUNDS):
                work(number + thread)
        except BaseException as problem:  # noqa: BLE001 - whatever it is, the caller reports it
            problems.append(problem)

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return problems
