"""Instruments of the laws: recording of input and output, and concurrent execution."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

THREADS = 4
ROUNDS = 15
SWITCH_SECONDS = 1e-6

#: Prefixes of the audit events of the standard library that are input or output.
OUTSIDE = (
    "open", "os.chmod", "os.chown", "os.exec", "os.fork", "os.link", "os.listdir", "os.mkdir", "os.posix_spawn",
    "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.spawn", "os.symlink", "os.system", "os.truncate",
    "os.utime", "shutil.", "smtplib.", "socket.bind", "socket.connect", "socket.getaddrinfo",
    "socket.gethostby", "socket.sendto",
    "sqlite3.connect", "subprocess.", "tempfile.", "urllib.",
)  # fmt: skip

_seen: ContextVar[list[str] | None] = ContextVar("seen", default=None)


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith(OUTSIDE):
        return
    seen = _seen.get()
    if seen is not None:
        seen.append(f"{event}{arguments!r:.120}")


@lru_cache(maxsize=1)
def _install_hook() -> None:
    """Install the audit hook, once a process: it cannot be removed."""
    sys.addaudithook(_record)


@contextmanager
def recorded_io() -> Iterator[list[str]]:
    """Yield a list of the input and output of this thread in the block, as far as Python audits it."""
    _install_hook()
    seen: list[str] = []
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def concurrently(work: Callable[[int], None]) -> list[BaseException]:
    """Run `work(round number)` in every thread, in different orders of rounds, and return the exceptions."""
    problems: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(thread: int) -> None:
        start.wait()
        try:
            for number in range(ROUNDS):
                work(number + thread)
        except BaseException as problem:  # noqa: BLE001 - the caller reports it
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
