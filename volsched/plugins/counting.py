"""Prometheus metrics of events: the same names and labels wherever events are counted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from volsched.exceptions import EventRefused
from volsched.model.event import Event

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

NAMESPACE = "volsched"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: How many event ids are remembered: an event that is delivered twice is counted once.
REMEMBERED = 10_000


class Bound:
    """A metric that resolves each combination of label values once."""

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self._bound: dict[tuple[str, ...], Any] = {}

    def __call__(self, *values: str) -> Any:
        """Return the counter or histogram of these label values."""
        found = self._bound.get(values)
        if found is None:
            found = self._bound[values] = self._metric.labels(*values)
        return found


class EventCounts:
    """Counts decisions, refusals, claim conflicts and events. Safe for threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Histogram

        def counter(name: str, text: str, *labels: str) -> Bound:
            return Bound(Counter(name, text, labels, namespace=NAMESPACE, registry=registry))

        def seconds(name: str, text: str, *labels: str) -> Bound:
            return Bound(Histogram(name, text, labels, namespace=NAMESPACE, buckets=BUCKETS, registry=registry))

        self._guard = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._events = counter("events", "Events, by type and priority.", "event_type", "priority")
        self._decisions = counter("decisions", "Requests that the scheduler decided.", "operation", "driver", "outcome")
        self._latency = seconds(
            "decision_seconds", "From taking a request to its decision.", "operation", "driver", "outcome"
        )
        self._rejections = counter("filter_rejections", "Pools that a filter rejected.", "filter")
        self._conflicts = Counter(
            "claim_conflicts", "Claims that lost the race for a pool.", namespace=NAMESPACE, registry=registry
        )
        self._shadow = counter("shadow", "Decisions of a shadow driver, compared.", "driver", "outcome")
        self._storage = counter("storage_operations", "Operations of agents.", "operation", "outcome")
        self._storing = seconds("storage_seconds", "From taking work to its end.", "operation", "outcome")

    def count(self, event: Event) -> None:
        """Count an event, once. Raises EventRefused where its payload has unusable values."""
        with self._guard:
            if event.id in self._seen:
                return
            try:
                self._count(event)
            except (TypeError, ValueError, AttributeError) as problem:
                raise EventRefused(
                    f"event {event.id}: unusable values in its payload: {type(problem).__name__}: {problem}"
                ) from problem
            self._seen[event.id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def _count(self, event: Event) -> None:
        payload = event.payload
        self._events(event.event_type, event.priority.value).inc()
        source, _, rest = event.event_type.partition(".")
        operation, _, moment = rest.partition(".")
        if source == "scheduler" and operation != "shadow" and moment != "start":
            self._decision(operation, "placed" if moment == "end" else _outcome(payload), payload)
        elif source == "volume" and moment in ("end", "error", "reschedule"):
            self._storage(operation, moment).inc()
            _observe(self._storing(operation, moment), payload)

    def _decision(self, operation: str, outcome: str, payload: Mapping[str, Any]) -> None:
        driver = str(payload.get("driver") or "")
        self._decisions(operation, driver, outcome).inc()
        _observe(self._latency(operation, driver, outcome), payload)
        decision = payload.get("decision") or {}
        for name, rejected in (decision.get("rejected") or {}).items():
            self._rejections(name).inc(rejected)
        self._conflicts.inc(decision.get("conflicts") or 0)
        beside = (decision.get("remarks") or {}).get("beside")
        if beside is not None:
            outcome = "failed" if beside["problem"] else "differs" if beside["differs"] else "agrees"
            self._shadow(str(beside["driver"]), outcome).inc()


def _outcome(payload: Mapping[str, Any]) -> str:
    """Return refused for a decision without a valid backend, failed for any other error."""
    return "refused" if payload.get("error") == "NoValidBackend" else "failed"


def _observe(histogram: Any, payload: Mapping[str, Any]) -> None:
    took_ms = payload.get("took_ms")
    if took_ms is not None:
        histogram.observe(took_ms / 1000)
