"""Carrying out requests in this process if no message bus is configured, or waiting for the processes that do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from volsched.exceptions import NotFound
from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume

if TYPE_CHECKING:
    from volsched.service.application import Application

Item = TypeVar("Item", Volume, Snapshot, Group)
Progress = Callable[[Volume | Snapshot | Group], None]


class RequestWorker:
    """The scheduler, the agent and the delivery of an embedded application, for one thread at a time.

    Where a message bus is configured, other processes carry out requests, and `wait` only waits for them.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._turn = threading.RLock()
        self._reported_at: float | None = None

    def prepare(self) -> None:
        """Release the work of dead processes once, and report the own backends when a report is due."""
        # Only the first caller waits for the report; later ones go on with the previous one.
        if self._application.embedded and self._turn.acquire(blocking=self._reported_at is None):
            try:
                self._refresh()
            finally:
                self._turn.release()

    def report(self) -> None:
        """Report the own backends now, if no message bus is configured."""
        if self._application.embedded:
            with self.exclusive():
                self._application.report()

    def store_inventories(self) -> None:
        """Store what the own backends hold, if no message bus is configured."""
        if self._application.embedded:
            with self.exclusive():
                self._application.agent.store_inventories()

    @contextmanager
    def exclusive(self, timeout: float | None = None) -> Iterator[None]:
        """Let one thread at a time decide or carry out requests. Raises TimeoutError."""
        if not self._turn.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError("another thread is carrying out requests; this request is kept")
        try:
            if self._application.embedded:
                self._refresh()
            yield
        finally:
            self._turn.release()

    def wait(
        self, read: Callable[[], Item], *, timeout: float | None = None, progress: Progress | None = None
    ) -> Item | None:
        """Return the item that `read` returns once no work on it is left; None once `read` raises NotFound.

        `timeout` is in seconds. Raises TimeoutError.
        """
        application = self._application
        until = None if timeout is None else time.monotonic() + timeout
        with self.exclusive(timeout) if application.embedded else nullcontext():
            steps: Sequence[Callable[[], bool]] = ()
            if application.embedded:
                steps = (lambda: application.scheduler.work_once(), lambda: application.agent.work_once())
            found = self._work(read, steps, until, progress)
            while application.embedded and application.delivery.deliver_once():
                continue
        if found is not None and found.status.in_progress:
            raise TimeoutError(f"{found.id} is still {found.status.value}; the request is kept")
        return found

    def _work(
        self,
        read: Callable[[], Item],
        steps: Sequence[Callable[[], bool]],
        until: float | None,
        progress: Progress | None,
    ) -> Item | None:
        """Take work steps until the item is at rest; sleep where another live process holds the work."""
        woken, pause = self._application.woken, self._application.conf.scheduler.poll_interval / 10
        while True:
            try:
                found = read()
            except NotFound:
                return None
            if not found.status.in_progress or (until is not None and time.monotonic() > until):
                return found
            if progress is not None:
                progress(found)
            woken.clear()
            if not any(step() for step in steps):
                woken.wait(pause)

    def _refresh(self) -> None:
        application, now = self._application, time.monotonic()
        if self._reported_at is None:
            application.recover()
        elif now - self._reported_at < application.conf.agent.report_interval:
            return
        application.report()
        self._reported_at = now
