"""Watches what a piece of code does to the world outside: files, sockets, programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

#: How the audit events of the standard library begin that stand for input or output.
OUTSIDE = (
    "open", "os.chmod", "os.chown", "os.exec", "os.fork", "os.link", "os.listdir", "os.mkdir", "os.posix_spawn",
    "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.spawn", "os.symlink", "os.system", "os.truncate",
    "os.utime", "shutil.", "smtplib.", "socket.bind", "socket.connect", "socket.getaddrinfo",
    "socket.gethostby", "socket.sendto",
    "sqlite3.connect", "subprocess.", "tempfile.", "urllib.",
)  # fmt: skip

_seen: ContextVar[list[str] | None] = ContextVar("seen", default=None)


def _notice(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith(OUTSIDE):
        return
    seen = _seen.get()
    if seen is not None:
        seen.append(f"{event}{arguments!r:.120}")


@lru_cache(maxsize=1)
def _watch() -> None:
    """Once a process, for an audit hook cannot be taken back."""
    sys.addaudithook(_notice)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What this thread does to the world outside while it is in here, as far as Python can see it."""
    _watch()
    seen: list[str] = []
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)
