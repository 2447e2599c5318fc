"""Delivery of events from the outbox to the notifiers, each at its own pace."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from volsched.exceptions import EventRefused
from volsched.model.event import EVERYTHING, DueEvent, Event, Interest
from volsched.model.ports import Clock, OutboxStore
from volsched.model.problem_log import ProblemLog, description_of, one_line

LOG = logging.getLogger(__name__)

#: Longest time, in seconds, until a loop that has nothing to deliver notices that it is to stop.
LONGEST_NAP = 0.5
#: Interval, in seconds, of recording the names of the notifiers in the outbox.
ANNOUNCE_EVERY = 600.0
#: Interval, in seconds, of removing old events that every notifier has received.
PURGE_EVERY = 3600.0
#: How many threads of one notifier may hang at a time.
MOST_HANGING = 3


class Recipient(Protocol):
    """The part of a notifier that delivery uses."""

    def notify(self, event: Event) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long delivery waits, and how often it tries."""

    timeout: float = 10.0  # seconds that a notifier has for one event
    tries: int = 40  # after so many failures an event is parked
    first_pause: float = 1.0  # seconds after the first failure; doubled after each
    longest_pause: float = 300.0
    batch: int = 20  # events taken at a time

    def pause(self, failures: int) -> timedelta:
        """How long to wait after this many failures (at least one)."""
        return timedelta(seconds=min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 32)))

    @property
    def lease_seconds(self) -> float:
        """Long enough for a whole batch of the slowest deliveries."""
        return self.timeout * (self.batch + 1)


class Delivery:
    """Delivers every event to every notifier that is interested, in order for each volume, at least once.

    Each notifier has a lane of its own, so that one that hangs or fails delays no other. An event that failed is tried
    again after a growing pause, and parked after a limited number of tries: it stays in the outbox for the operator.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        notifiers: Mapping[str, Recipient],
        *,
        clock: Clock,
        owner: str,
        retry_policy: RetryPolicy | None = None,
        poll_interval: float = 1.0,
        interests: Mapping[str, Interest] | None = None,
        elsewhere: Collection[str] = (),
        keep: timedelta | None = None,
    ) -> None:
        """`interests`: the events for each notifier, where those are not all events.

        `elsewhere`: notifiers that only other processes deliver to; events wait for them as well. `keep`: how long
        delivered events are kept (None: without limit).
        """
        chosen = retry_policy if retry_policy is not None else RetryPolicy()
        self._outbox = outbox
        self._announced_at: float | None = None
        self._clock = clock
        self._keep = keep
        self._purged_at: float | None = None
        self._purging = ProblemLog(LOG, "removal of old delivered events")
        self._elsewhere = tuple(elsewhere)
        self._lanes = tuple(
            Lane(
                name,
                notifier,
                interest=(interests or {}).get(name, EVERYTHING),
                outbox=outbox,
                clock=clock,
                owner=owner,
                retry_policy=chosen,
                announce=self._announce,
            )
            for name, notifier in notifiers.items()
        )
        self._poll_interval = poll_interval

    def deliver_once(self) -> int:
        """Deliver a batch to each notifier that does not hang, concurrently; return how many deliveries were tried."""
        tried: list[int] = []
        threads = [
            threading.Thread(target=lambda lane=lane: tried.append(lane.deliver_batch()), name=f"notify-{lane.name}")
            for lane in self._lanes
            if not lane.stuck
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(tried)

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set, then wait for deliveries in progress, within their timeout."""
        threads = [
            threading.Thread(target=self._keep_delivering, args=(lane, stop), name=f"notify-{lane.name}", daemon=True)
            for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        self._purge_in_time()
        while not stop.is_set():
            stop.wait(LONGEST_NAP)
            self._purge_in_time()
        for thread in threads:
            thread.join()

    def _purge_in_time(self) -> None:
        now = time.monotonic()
        if self._keep is None or (self._purged_at is not None and now - self._purged_at < PURGE_EVERY):
            return
        self._purged_at = now
        try:
            removed = self._outbox.purge(before=self._clock() - self._keep)
        except Exception as problem:  # noqa: BLE001 - e.g. the database is down; the next attempt follows
            self._purging.failed(problem)
        else:
            self._purging.succeeded()
            LOG.debug("%d old delivered events removed", removed)

    @property
    def failing(self) -> tuple[str, ...]:
        """The notifiers whose last delivery failed."""
        return tuple(lane.name for lane in self._lanes if not lane.works)

    def wake(self) -> None:
        """Look for events now."""
        for lane in self._lanes:
            lane.woken.set()

    def _announce(self) -> None:
        """Record all notifiers in the outbox before any of them receives an event: the event waits for all of them."""
        now = time.monotonic()
        if self._announced_at is None or now - self._announced_at >= ANNOUNCE_EVERY:
            self._outbox.expect([*(lane.name for lane in self._lanes), *self._elsewhere])
            self._announced_at = now

    def _keep_delivering(self, lane: Lane, stop: threading.Event) -> None:
        while not stop.is_set():
            lane.woken.clear()
            if lane.deliver_batch(stop) and not lane.stuck:
                continue
            left = self._poll_interval
            while left > 0 and not stop.is_set() and not lane.woken.wait(min(left, LONGEST_NAP)):
                left -= LONGEST_NAP


class Lane:
    """Deliveries to one notifier. One thread at a time delivers a batch."""

    def __init__(
        self,
        name: str,
        notifier: Recipient,
        *,
        outbox: OutboxStore,
        clock: Clock,
        owner: str,
        retry_policy: RetryPolicy,
        announce: Callable[[], None],
        interest: Interest = EVERYTHING,
    ) -> None:
        self.name = name
        self._interest = interest
        self.woken = threading.Event()
        self._notifier = notifier
        self._outbox = outbox
        self._clock = clock
        self._owner = owner
        self._retry_policy = retry_policy
        self._announce = announce
        self._hanging: list[threading.Thread] = []
        self._problems = ProblemLog(LOG, f"notifier {name}: outbox")
        self.works = True

    @property
    def stuck(self) -> bool:
        """Whether an earlier delivery still hangs."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        return bool(self._hanging)

    def deliver_batch(self, stop: threading.Event | None = None) -> int:
        """Return how many deliveries were tried; never raise. Problems with the outbox are logged."""
        try:
            tried = self._deliver(stop)
        except Exception as problem:  # noqa: BLE001 - e.g. the database is down; the next round tries again
            self._problems.failed(problem)
            return 0
        self._problems.succeeded()
        return tried

    def _deliver(self, stop: threading.Event | None) -> int:
        self._announce()
        due = self._outbox.due(
            self.name, owner=self._owner, limit=self._retry_policy.batch, lease_seconds=self._retry_policy.lease_seconds
        )
        unwanted = [item.event.id for item in due if not self._interest.in_event(item.event)]
        if unwanted:
            self._outbox.delivered(self.name, *unwanted)
        tried = len(unwanted)
        held_back: set[str] = set()  # volumes whose earlier event failed: their order is kept
        for item in due:
            if not self._interest.in_event(item.event):
                continue
            volume_id = item.event.volume_id
            if volume_id in held_back:
                continue
            if stop is not None and stop.is_set():
                break
            tried += 1
            problem = self._notify(item.event)
            if problem is None:
                self._delivered(item)
                continue
            if isinstance(problem, _Refused):
                self._park(item, problem, item.tries + 1)
                continue
            self._failed(item, problem)
            if volume_id is not None:
                held_back.add(volume_id)
            if self.stuck:
                break  # this owner keeps the others, and receives them again
        return tried

    def _notify(self, event: Event) -> str | None:
        """Return why the notifier failed or exceeded its time; None where it delivered the event.

        A thread that hangs cannot be stopped: it is left behind. While too many hang, nothing is delivered.
        """
        if self.stuck and len(self._hanging) >= MOST_HANGING:
            return f"{len(self._hanging)} earlier deliveries still hang"
        problems: list[str | None] = []
        thread = threading.Thread(
            target=lambda: problems.append(_problem_of(self._notifier, event)),
            name=f"notify-{self.name}-{event.id[:8]}",
            daemon=True,
        )
        thread.start()
        thread.join(self._retry_policy.timeout)
        if problems:
            return problems[0]
        self._hanging.append(thread)
        return f"no answer within {self._retry_policy.timeout:g} s"

    def _delivered(self, item: DueEvent) -> None:
        self._outbox.delivered(self.name, item.event.id)
        if not self.works:
            self.works = True
            LOG.info("notifier %s accepts events again", self.name)

    def _failed(self, item: DueEvent, problem: str) -> None:
        failures = item.tries + 1
        if failures >= self._retry_policy.tries:
            self._park(item, problem, failures)
            return
        retry_at = self._clock() + self._retry_policy.pause(failures)
        self._outbox.failed(self.name, item.event.id, problem, retry_at=retry_at)
        if self.works:
            self.works = False
            LOG.warning("notifier %s does not accept events, which wait in the outbox: %s", self.name, problem)

    def _park(self, item: DueEvent, problem: str, tries: int) -> None:
        """Give the delivery up: later events of the volume are delivered."""
        self._outbox.failed(self.name, item.event.id, problem, retry_at=None)
        LOG.error(
            "notifier %s: event %s (%s) is parked after %d tries: %s",
            self.name,
            item.event.id,
            item.event.event_type,
            tries,
            problem,
        )


class _Refused(str):
    """A problem that another try does not solve."""

    __slots__ = ()


def _problem_of(notifier: Recipient, event: Event) -> str | None:
    try:
        notifier.notify(event)
    except EventRefused as problem:
        return _Refused(one_line(problem))
    except BaseException as problem:  # noqa: BLE001 - a plugin may raise anything; the caller logs it
        return description_of(problem)
    return None
