"""The figures of one process, for Prometheus, counted where they are made."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from volsched.exceptions import EventRefused
from volsched.model.event import Event
from volsched.model.inconsistency import Inconsistency
from volsched.model.work import SCHEDULER_QUEUE, WorkItem
from volsched.plugins.counting import BUCKETS, NAMESPACE, Bound, EventCounts

LOG = logging.getLogger(__name__)

CHOOSING_BUCKETS = (0.0001, 0.00025, 0.0005, *BUCKETS)


class Counts:
    """A registry of its own, and what goes into it while requests are served: microseconds each."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=NAMESPACE, registry=registry)

        self._events = EventCounts(registry)
        self._claims = counter("claims", "Claims made: room taken in a pool.")
        self._takeovers = Bound(
            counter("lease_takeovers", "Work taken over from a process whose lease had run out.", "queue")
        )
        self._work = Bound(
            Histogram(
                "work_seconds",
                "From taking a piece of work to its end, by this process.",
                ("queue", "operation"),
                namespace=NAMESPACE,
                buckets=BUCKETS,
                registry=registry,
            )
        )
        self._choosing = Histogram(
            "choosing_seconds",
            "What filters and weighers took for one question.",
            namespace=NAMESPACE,
            buckets=CHOOSING_BUCKETS,
            registry=registry,
        )
        self._reports = Bound(counter("reports", "Capability reports, by what became of them.", "outcome"))
        self._aside = counter("report_items_set_aside", "Parts of reports that could not be used.")
        self._drift = gauge("drift", "What does not fit together, as the last audit found it.", "check")
        self._audited = gauge("audit_timestamp_seconds", "When the last audit was done.")
        gauge("build_info", "The version of volsched.", "version").labels(_version()).set(1)

    def happened(self, events: Iterable[Event]) -> None:
        """These events have become true."""
        for event in events:
            try:
                self._events.count(event)
            except EventRefused as problem:  # a driver's own event; the request has been served all the same
                LOG.warning("event %s (%s) is not counted: %s", event.id, event.event_type, problem)

    def claimed(self) -> None:
        self._claims.inc()

    def chosen(self, seconds: float) -> None:
        self._choosing.observe(seconds)

    def taken(self, work: WorkItem) -> None:
        if work.taken_over:
            self._takeovers(_kind(work.queue)).inc()

    def done(self, work: WorkItem) -> None:
        self._work(_kind(work.queue), work.operation).observe(time.perf_counter() - work.begun)

    def reported(self, *, applied: bool, set_aside: int) -> None:
        self._reports("applied" if applied else "out_of_date").inc()
        if set_aside:
            self._aside.inc(set_aside)

    def audited(self, checks: Iterable[str], found: Sequence[Inconsistency]) -> None:
        """The last audit had these checks, and found this."""
        for check in checks:
            self._drift.labels(check).set(sum(drift.check == check for drift in found))
        self._audited.set_to_current_time()


def _kind(queue: str) -> str:
    """scheduler, or agent: not which one, for there may be thousands."""
    return queue if queue == SCHEDULER_QUEUE else queue.partition(":")[0]


def _version() -> str:
    try:
        return version("volsched")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
