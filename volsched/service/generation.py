"""The application that a service works with now, which is exchanged whole between two pieces of work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from volsched.service.application import Application

Afterwards = Callable[[], None]


class CurrentApplication:
    """Who works takes the application of the moment and keeps it until the piece of work is done.

    Nobody waits for anybody: after an exchange the old application serves whoever has it, and is retired when the last
    one is done with it.
    """

    def __init__(self, application: Application) -> None:
        self._lock = threading.Lock()
        self._application = application
        self._users: dict[int, int] = {}
        self._retired: dict[int, Afterwards] = {}
        self._steps: dict[int, tuple[str, float | None]] = {}  # by thread: what it does, since when (None: it waits)
        self.reloads, self.refusals = 0, 0
        self.refused = False  # whether the last reload was

    @property
    def application(self) -> Application:
        """The one of this moment, to look at."""
        return self._application

    @contextmanager
    def used(self, step: str = "") -> Iterator[Application]:
        """The application of the moment, for one piece of work. `step`: what the thread's loop does with it."""
        thread = threading.get_ident()
        with self._lock:
            application = self._application
            self._users[id(application)] = self._users.get(id(application), 0) + 1
            if step:
                self._steps[thread] = (step, time.monotonic())
        try:
            yield application
        finally:
            if step:
                self._steps[thread] = (step, None)
            self._done_with(application)

    def steps(self) -> Sequence[tuple[str, float]]:
        """Every loop that has begun, with the seconds that it has been at its step; 0 while it waits for the next."""
        now = time.monotonic()
        with self._lock:
            return [(step, 0.0 if begun is None else now - begun) for step, begun in self._steps.values()]

    def reloaded(self, *, refused: bool) -> None:
        """Somebody asked for another configuration."""
        self.refused = refused
        self.reloads += not refused
        self.refusals += refused

    def exchange(self, application: Application, retire: Afterwards) -> None:
        """From now on this one; `retire` is called when nobody works with the old one any more."""
        with self._lock:
            old, self._application = self._application, application
            idle = not self._users.get(id(old))
            if not idle:
                self._retired[id(old)] = retire
        if idle:
            retire()

    def _done_with(self, application: Application) -> None:
        key = id(application)
        with self._lock:
            self._users[key] -= 1
            if self._users[key]:
                return
            del self._users[key]
            retire = self._retired.pop(key, None)
        if retire is not None:
            retire()


class Interruption(threading.Event):
    """Set by itself, or together with another event."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


class DeliveryLoop:
    """Delivers events with the notifiers of the moment; can be held while these are exchanged."""

    def __init__(self, current: CurrentApplication) -> None:
        self._current = current
        self._turn = threading.Condition()
        self._held = False
        self._running: Interruption | None = None

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set."""
        while not stop.is_set():
            with self._turn:
                while self._held and not stop.is_set():
                    self._turn.wait(0.5)
                if stop.is_set():
                    return
                running = self._running = Interruption(stop)
            try:
                # Read here, not under `used`: what delivery works with is stopped by `held`, not when it retires.
                self._current.application.delivery.run(running)
            finally:
                with self._turn:
                    self._running = None
                    self._turn.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is delivered in this block: what is on its way is waited for, within the notifiers' timeouts."""
        with self._turn:
            self._held = True
            if self._running is not None:
                self._running.set()
            while self._running is not None:
                self._turn.wait()
        try:
            yield
        finally:
            with self._turn:
                self._held = False
                self._turn.notify_all()
