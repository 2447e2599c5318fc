"""The Prometheus metrics of one process: an observer counts stages of requests, a collector reads what was checked."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from volsched.db.backlog import Backlog
from volsched.exceptions import EventRefused
from volsched.model.candidates import Candidates
from volsched.model.claim import Placement
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.inconsistency import Inconsistency
from volsched.model.observer import Observer
from volsched.model.report import ServiceState
from volsched.model.request import RequestSpec
from volsched.model.work import SCHEDULER_QUEUE, Lease, Outcome, WorkItem
from volsched.plugins.counting import BUCKETS, NAMESPACE, Bound, EventCounts

if TYPE_CHECKING:
    from volsched.service.dependency_checks import DependencyChecks
    from volsched.service.generation import CurrentApplication

LOG = logging.getLogger(__name__)

WORK_LABELS = ("queue", "operation")
DECISION_BUCKETS = (0.0001, 0.00025, 0.0005, *BUCKETS)


class Metrics(Observer):
    """Counts in a registry of its own; each stage costs microseconds."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=NAMESPACE, registry=registry)

        def histogram(name: str, text: str, *labels: str, buckets: Sequence[float] = BUCKETS) -> Histogram:
            return Histogram(name, text, labels, namespace=NAMESPACE, buckets=buckets, registry=registry)

        self._thread = threading.local()
        self._events = EventCounts(registry)
        self._claims = counter("claims", "Claims made: room reserved in a pool.")
        self._takeovers = Bound(counter("lease_takeovers", "Work taken over after its lease had expired.", "queue"))
        self._work = Bound(histogram("work_seconds", "From taking work to its end in this process.", *WORK_LABELS))
        self._decisions = histogram(
            "choosing_seconds", "Time of filters and weighers for one request.", buckets=DECISION_BUCKETS
        )
        self._reports = Bound(counter("reports", "Capability reports, by outcome.", "outcome"))
        self._set_aside = counter("report_items_set_aside", "Parts of reports that could not be used.")
        self._inconsistencies = gauge("drift", "Inconsistencies found by the last audit.", "check")
        self._audited = gauge("audit_timestamp_seconds", "Time of the last audit.")
        gauge("build_info", "The version of volsched.", "version").labels(_version()).set(1)

    def work_wanted(self) -> None:
        self._thread.work = None

    def work_taken(self, work: WorkItem) -> None:
        self._thread.work = work
        if work.taken_over:
            self._takeovers(_kind(work.queue)).inc()

    def work_finished(self, lease: Lease, outcome: Outcome) -> None:
        work: WorkItem | None = getattr(self._thread, "work", None)
        if work is None or work.id != lease.work_id:
            return
        self._thread.work = None
        self._work(_kind(work.queue), work.operation).observe(time.perf_counter() - work.begun)

    def decision_ended(
        self, request: RequestSpec, candidates: Candidates, result: Decision | BaseException, seconds: float
    ) -> None:
        self._decisions.observe(seconds)

    def claim_ended(self, placement: Placement, problem: BaseException | None) -> None:
        if problem is None:
            self._claims.inc()

    def events_stored(self, events: Iterable[Event]) -> None:
        for event in events:
            try:
                self._events.count(event)
            except EventRefused as problem:  # an event of a third-party driver; its request is not affected
                LOG.warning("event %s (%s) is not counted: %s", event.id, event.event_type, problem)

    def report_stored(self, *, applied: bool, set_aside: int) -> None:
        self._reports("applied" if applied else "out_of_date").inc()
        if set_aside:
            self._set_aside.inc(set_aside)

    def audited(self, checks: Sequence[str], found: Sequence[Inconsistency]) -> None:
        counted = Tally(inconsistency.check for inconsistency in found)
        for check in checks:
            self._inconsistencies.labels(check).set(counted[check])
        self._audited.set_to_current_time()


def _kind(queue: str) -> str:
    """Return scheduler or agent, without the backend: there may be thousands."""
    return queue if queue == SCHEDULER_QUEUE else queue.partition(":")[0]


def _version() -> str:
    try:
        return version("volsched")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


class CheckedMetrics(Collector):
    """Gauges from the last dependency checks: a scrape waits neither for the database nor for the bus."""

    def __init__(self, current: CurrentApplication, checks: DependencyChecks, *, of_installation: bool) -> None:
        """`of_installation`: add what the database says of the whole installation, which every process reads alike."""
        self._current = current
        self._checks = checks
        self._of_installation = of_installation

    def describe(self) -> Iterable[Metric]:
        """Nothing: which metrics there are depends on the checks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        found, current = self._checks.found, self._current
        reloads = CounterMetricFamily(f"{NAMESPACE}_reloads", "Reloads of the configuration.", labels=["outcome"])
        reloads.add_metric(["done"], current.reloads)
        reloads.add_metric(["refused"], current.refusals)
        yield reloads
        yield _gauge("config_generation", "The number of the configuration in force.", current.application.generation)
        yield _gauge(
            "database_up",
            "Whether the last check reached the database and found the tables of this version.",
            found.figures is not None and self._checks.late is None,
        )
        if found.pools is not None:
            pools = _labelled("pools", "Pools of this scheduler's pool table.", "state")
            for state, count in zip(("taking_part", "set_aside"), found.pools, strict=True):
                pools.add_metric([state], count)
            yield pools
        if self._of_installation and found.figures is not None:
            yield from _of_database(found.figures)
            yield from _of_backends(found.services)


def _of_database(figures: Backlog) -> Iterable[Metric]:
    length = _labelled("queue_length", "Unfinished work, by state.", "queue", "state")
    for (queue, state), count in sorted(figures.queues.items()):
        length.add_metric([queue, state], count)
    yield length
    oldest = _labelled("queue_oldest_seconds", "Age of the oldest work that nobody has taken.", "queue")
    for queue, age in sorted(figures.waiting.items()):
        oldest.add_metric([queue], age)
    yield oldest
    yield _gauge("outbox_length", "Events that some notifier has not received yet.", figures.outbox)
    yield _gauge("outbox_oldest_seconds", "Age of the oldest of them.", figures.outbox_age)
    parked = _labelled("events_parked", "Events that are not delivered any more, by notifier.", "notifier")
    for notifier, count in sorted(figures.parked.items()):
        parked.add_metric([notifier], count)
    yield parked


def _of_backends(services: Iterable[ServiceState]) -> Iterable[Metric]:
    counted = Tally(_state_of(service) for service in services if service.kind == "volume")
    backends = _labelled("backends", "Storage backends, by state.", "state")
    for state in ("up", "down", "disabled"):
        backends.add_metric([state], counted[state])
    yield backends


def _state_of(service: ServiceState) -> str:
    return "disabled" if service.disabled else "up" if service.up else "down"


def _labelled(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=labels)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=value)
