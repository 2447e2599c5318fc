"""Casters: wake the processes that serve a queue, inside one process or over the message bus."""

from __future__ import annotations

import logging
import queue as queues
import threading
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)

#: The most wake-ups that wait for the bus; more would add nothing.
MOST_WAITING = 1000


class LocalCaster:
    """Wakes all loops of this process; each takes the work of its own queues."""

    def __init__(self, woken: threading.Event | None = None) -> None:
        self._events = [woken] if woken is not None else []

    def listen(self, woken: threading.Event) -> None:
        """Set this event too at each wake-up."""
        self._events.append(woken)

    def wake(self, queue: str) -> None:
        """Never raises, never blocks."""
        for event in self._events:
            event.set()

    def stop(self) -> None:
        """Return at once: there is nothing to stop."""


class RpcCaster:
    """Wakes over the message bus, from a thread of its own: a bus that is slow or down delays no caller.

    A queue that waits to be woken is not added again. A wake-up that cannot be sent is dropped, with one line in the
    log: its work is in the database, and the next poll finds it.
    """

    def __init__(self, send: Callable[[str], Any]) -> None:
        self._send = send
        self._waiting: queues.Queue[str | None] = queues.Queue(MOST_WAITING)
        self._noted: set[str] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._works = True

    def wake(self, queue: str) -> None:
        """Never raises, never blocks."""
        with self._guard:
            if queue in self._noted:
                return
            self._noted.add(queue)
            if self._thread is None:  # not before: a process may fork after it was made
                self._thread = threading.Thread(target=self._keep_sending, name="wake-ups", daemon=True)
                self._thread.start()
            try:
                self._waiting.put_nowait(queue)
            except queues.Full:
                self._noted.discard(queue)

    def stop(self, timeout: float = 2.0) -> None:
        """Send what waits, for `timeout` seconds at most. Idempotent."""
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._waiting.put(None, timeout=timeout)
            except queues.Full:
                return  # the bus does not answer; the thread ends with the process
            thread.join(timeout)

    def _keep_sending(self) -> None:
        while True:
            queue = self._waiting.get()
            if queue is None:
                return
            with self._guard:
                self._noted.discard(queue)  # before sending: work that is added from now on needs another
            try:
                self._send(queue)
            except Exception as problem:  # noqa: BLE001 - the bus raises kombu's errors too
                if self._works:
                    LOG.warning("no wake-up can be sent over the message bus; work is found by polling: %s", problem)
                self._works = False
            else:
                self._works = True
