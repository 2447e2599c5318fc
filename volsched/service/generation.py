"""The application of the current configuration generation, which a reload replaces as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from volsched.service.application import Application

Retire = Callable[[], None]


class CurrentApplication:
    """The current application. A loop uses one application for a whole piece of work.

    Nothing waits for a replacement: loops that use the old application finish with it, and the last of them retires it.
    """

    def __init__(self, application: Application) -> None:
        self._lock = threading.Lock()
        self._application = application
        self._users: dict[int, int] = {}
        self._retired: dict[int, Retire] = {}
        self._steps: dict[int, tuple[str, float | None]] = {}  # by thread: its step, and since when (None: it waits)
        self.reloads, self.refusals = 0, 0
        self.refused = False  # whether the last reload was refused

    @property
    def application(self) -> Application:
        """The current application, for reading only."""
        return self._application

    @contextmanager
    def used(self, step: str = "") -> Iterator[Application]:
        """Use the current application for one piece of work. `step`: the name of the thread's loop."""
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
            self._released(application)

    def steps(self) -> Sequence[tuple[str, float]]:
        """Return every loop with the seconds that its step has lasted; 0 while it waits for the next one."""
        now = time.monotonic()
        with self._lock:
            return [(step, 0.0 if begun is None else now - begun) for step, begun in self._steps.values()]

    def reloaded(self, *, refused: bool) -> None:
        """Count a reload."""
        self.refused = refused
        self.reloads += not refused
        self.refusals += refused

    def replace(self, application: Application, retire: Retire) -> None:
        """Make `application` the current one; call `retire` when the old one is no longer used."""
        with self._lock:
            old, self._application = self._application, application
            idle = not self._users.get(id(old))
            if not idle:
                self._retired[id(old)] = retire
        if idle:
            retire()

    def _released(self, application: Application) -> None:
        key = id(application)
        with self._lock:
            self._users[key] -= 1
            if self._users[key]:
                return
            del self._users[key]
            retire = self._retired.pop(key, None)
        if retire is not None:
            retire()


class EitherEvent(threading.Event):
    """An event that is set by itself or by another event."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()


class DeliveryLoop:
    """Delivers events with the current notifiers; can be paused while a reload replaces them."""

    def __init__(self, current: CurrentApplication) -> None:
        self._current = current
        self._turn = threading.Condition()
        self._paused = False
        self._running: EitherEvent | None = None

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set."""
        while not stop.is_set():
            with self._turn:
                while self._paused and not stop.is_set():
                    self._turn.wait(0.5)
                if stop.is_set():
                    return
                running = self._running = EitherEvent(stop)
            try:
                # Not under `used`: a reload stops delivery with `paused`, and does not wait for its end to retire.
                self._current.application.delivery.run(running)
            finally:
                with self._turn:
                    self._running = None
                    self._turn.notify_all()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Deliver nothing in this block; deliveries in progress end first, within the notifiers' timeouts."""
        with self._turn:
            self._paused = True
            if self._running is not None:
                self._running.set()
            while self._running is not None:
                self._turn.wait()
        try:
            yield
        finally:
            with self._turn:
                self._paused = False
                self._turn.notify_all()
