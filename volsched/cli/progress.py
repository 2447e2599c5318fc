"""A sign of life for a person who waits: on a terminal, and only after a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume

PATIENCE_SECONDS = 1.0


class Progress:
    """Called with what is waited for, as often as one likes; a context manager that tidies the line up."""

    def __init__(self, stream: TextIO, *, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._since = now()
        self._shown = ""

    def __call__(self, awaited: Volume | Snapshot | Group) -> None:
        waited = self._now() - self._since
        if waited < PATIENCE_SECONDS or not self._stream.isatty():
            return
        kind = type(awaited).__name__.lower()
        self._write(f"{kind} {awaited.name or awaited.id}: {awaited.status.value}, {waited:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if text == self._shown:
            return
        self._stream.write("\r" + text.ljust(len(self._shown)) + ("" if text else "\r"))
        self._stream.flush()
        self._shown = text
