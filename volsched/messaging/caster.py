"""Waking up whoever serves a queue: inside one process, or over the message bus."""

from __future__ import annotations

import logging
import queue as queues
import threading
from collections.abc import Callable
from typing import Any

LOG = logging.getLogger(__name__)

#: So many wake-ups may wait for the bus; more say nothing new.
MOST_WAITING = 1000


class LocalCaster:
    """Wakes the loops of this very process, all of them: each looks whether there is work for it."""

    def __init__(self, woken: threading.Event | None = None) -> None:
        self._events = [woken] if woken is not None else []

    def listen(self, woken: threading.Event) -> None:
        """Set this event too, whenever somebody is woken."""
        self._events.append(woken)

    def wake(self, queue: str) -> None:
        """Never raises, never blocks."""
        for event in self._events:
            event.set()

    def stop(self) -> None:
        """There is nothing to stop."""


class RpcCaster:
    """Wakes over the message bus, from a thread of its own: a bus that is slow, or down, holds up nobody.

    A queue that is to be woken already is not noted again. What cannot be sent is dropped with one line in the log:
    the work is in the database, and is found there when somebody looks the next time.
    """

    def __init__(self, send: Callable[[str], Any]) -> None:
        self._send = send
        self._waiting: queues.Queue[str | None] = queues.Queue(MOST_WAITING)
        self._noted: set[str] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._well = True

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
        """Send what waits, for so long at most. Idempotent."""
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._waiting.put(None, timeout=timeout)
            except queues.Full:
                return  # the bus hangs; the thread ends with the process
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
            except Exception as problem:  # noqa: BLE001 - whatever the bus raises (kombu's errors too), nobody waits for it
                self._tell(problem)
            else:
                self._well = True

    def _tell(self, problem: Exception) -> None:
        if self._well:
            self._well = False
            LOG.warning("nobody can be woken over the message bus; work is found by looking: %s", problem)
