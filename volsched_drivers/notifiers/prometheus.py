"""The notifier that counts, for Prometheus to scrape."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.exceptions import EventRefused
from volsched.plugins import Event, Notifier

if TYPE_CHECKING:
    from oslo_config import cfg

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: So many events are remembered, so that one that is delivered twice is counted once.
REMEMBERED = 10_000
LISTENING_SECONDS = 1.0


class PrometheusNotifier(Notifier):
    """Counts decisions, refusals, claims that lost their race and events, and serves the counts at /metrics.

    Each event is delivered by one process, and counted there: let only one kind of process deliver (`processes`), and
    add up what several of them say.
    """

    contract = (1, 0)

    def __init__(self, *, host: str = "127.0.0.1", port: int = 9464) -> None:
        self.host = host
        self.port = port
        self._guard = threading.Lock()
        self._counts: _Counts | None = None
        self._served: tuple[Any, threading.Thread] | None = None
        self._seen: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "host",
                default="127.0.0.1",
                help="Address to listen at. What is served is readable to all who can reach it.",
            ),
            cfg.IntOpt("port", default=9464, min=0, max=65535, help="Port to listen at; 0: any that is free."),
        )

    def validate(self) -> list[str]:
        return [] if self.host.strip() else ["host is empty: give the address to listen at, for example 127.0.0.1"]

    def start(self) -> None:
        """Raises OSError where the port is taken."""
        from prometheus_client import start_http_server

        with self._guard:
            if self._served is not None:
                return
            counts = self._counted()
            try:
                self._served = start_http_server(self.port, self.host, registry=counts.registry)
            except OSError as problem:
                raise OSError(
                    f"{self.host}:{self.port} cannot be listened at: {problem.strerror or problem}; give another port, "
                    "or let only one kind of process deliver: processes = scheduler"
                ) from problem

    def stop(self) -> None:
        with self._guard:
            served, self._served = self._served, None
        if served is not None:
            server, thread = served
            server.shutdown()
            server.server_close()
            thread.join(LISTENING_SECONDS)

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; None where it does not."""
        return self._served[0].server_address[:2] if self._served is not None else None

    def notify(self, event: Event) -> None:
        """Raises EventRefused where the event's figures are none."""
        with self._guard:
            counts = self._counted()
            if event.id in self._seen:
                return
            try:
                counts.count(event)
            except (TypeError, ValueError, AttributeError) as problem:
                raise EventRefused(
                    f"its figures cannot be understood: {type(problem).__name__}: {problem}"
                ) from problem
            self._seen[event.id] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def _counted(self) -> _Counts:
        if self._counts is None:
            self._counts = _Counts()
        return self._counts


class _Counts:
    """The figures, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace="volsched", registry=self.registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(name, text, labels, namespace="volsched", buckets=BUCKETS, registry=self.registry)

        self.events = counter("events", "Events, by type and priority.", "event_type", "priority")
        self.decisions = counter("decisions", "Requests that the scheduler answered.", "operation", "driver", "outcome")
        self.latency = seconds(
            "decision_seconds", "From taking a request to its answer.", "operation", "driver", "outcome"
        )
        self.rejections = counter("filter_rejections", "Pools that a filter turned away.", "filter")
        self.conflicts = counter("claim_conflicts", "Claims that lost their race for a pool.")
        self.shadow = counter("shadow", "Questions to a driver on trial.", "driver", "outcome")
        self.storage = counter("storage_operations", "What agents did.", "operation", "outcome")
        self.storing = seconds("storage_seconds", "From taking the work to its end.", "operation", "outcome")

    def count(self, event: Event) -> None:
        payload = event.payload
        self.events.labels(event.event_type, event.priority.value).inc()
        source, _, rest = event.event_type.partition(".")
        operation, _, moment = rest.partition(".")
        if source == "scheduler" and operation != "shadow" and moment != "start":
            self._decision(operation, "placed" if moment == "end" else _outcome(payload), payload)
        elif source == "volume" and moment in ("end", "error", "reschedule"):
            self.storage.labels(operation, moment).inc()
            _observe(self.storing.labels(operation, moment), payload)

    def _decision(self, operation: str, outcome: str, payload: Mapping[str, Any]) -> None:
        driver = str(payload.get("driver") or "")
        self.decisions.labels(operation, driver, outcome).inc()
        _observe(self.latency.labels(operation, driver, outcome), payload)
        decision = payload.get("decision") or {}
        for name, rejected in (decision.get("rejected") or {}).items():
            self.rejections.labels(name).inc(rejected)
        self.conflicts.inc(decision.get("conflicts") or 0)
        beside = (decision.get("remarks") or {}).get("beside")
        if beside is not None:
            told = "failed" if beside["problem"] else "differs" if beside["differs"] else "agrees"
            self.shadow.labels(str(beside["driver"]), told).inc()


def _outcome(payload: Mapping[str, Any]) -> str:
    """Whether the answer was no, or there was none."""
    return "refused" if payload.get("error") == "NoValidBackend" else "failed"


def _observe(histogram: Any, payload: Mapping[str, Any]) -> None:
    took_ms = payload.get("took_ms")
    if took_ms is not None:
        histogram.observe(took_ms / 1000)
