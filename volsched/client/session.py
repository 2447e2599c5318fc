"""What all that a client asks goes through: one application, which several threads use, and who asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from volsched.conf import Configuration
from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume
from volsched.service.application import Application

T = TypeVar("T", Volume, Snapshot, Group)


class Shared:
    """An application for several threads. Where no message bus is configured, whoever waits does the work itself."""

    def __init__(self, conf: Configuration) -> None:
        """Raises ConfigurationError and DatabaseUnavailable, rather now than in some thread."""
        self.application = application = Application(conf)
        self._turn = threading.Lock()  # who holds it is scheduler and agent
        self._reported_at: float | None = None
        try:
            # Made before there are threads: two that ask for a part at once would make two.
            for part in (application.authorizer, application.volumes, application.snapshots, application.groups):
                assert part is not None  # noqa: S101 - asked for what making it raises
            assert application.quotas is not None  # noqa: S101 - likewise
        except BaseException:
            application.close()
            raise

    def ready(self) -> None:
        """In the embedded form: take up what dead processes left, and let the own backends report, when it is time."""
        if self.application.embedded and self._turn.acquire(blocking=self._reported_at is None):
            try:
                self._refresh()
            finally:
                self._turn.release()

    def _refresh(self) -> None:
        application = self.application
        now = time.monotonic()
        if self._reported_at is None:
            application.recover()
        elif now - self._reported_at < application.conf.agent.report_interval:
            return
        application.report()
        self._reported_at = now

    @contextmanager
    def turn(self, timeout: float | None = None) -> Iterator[None]:
        """One thread at a time is scheduler and agent, or decides. Raises TimeoutError."""
        if not self._turn.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError("another thread is still at work; the request is kept")
        try:
            if self.application.embedded:
                self._refresh()
            yield
        finally:
            self._turn.release()

    def settled(self, settle: Callable[[float | None], T | None], timeout: float | None) -> T | None:
        """What `settle` gives within so many seconds. Raises TimeoutError where it is in progress even then."""
        until = None if timeout is None else time.monotonic() + timeout
        with self.turn(timeout) if self.application.embedded else nullcontext():
            found = settle(None if until is None else max(0.0, until - time.monotonic()))
        if found is not None and found.status.in_progress:
            raise TimeoutError(f"{found.id} is still {found.status.value}; the request is kept")
        return found


class Session:
    """Somebody who asks, over a shared application."""

    def __init__(self, shared: Shared, context: Mapping[str, Any]) -> None:
        self.shared = shared
        self.context = dict(context)

    @property
    def application(self) -> Application:
        return self.shared.application

    @property
    def writing(self) -> Application:
        """The application, ready to take a request in."""
        self.shared.ready()
        return self.shared.application
