"""What Prometheus reads beside the counts: how things stand, as the last look found them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from volsched.db.backlog import Figures
from volsched.model.report import ServiceState
from volsched.plugins.counting import NAMESPACE
from volsched.service.dependency_checks import DependencyChecks
from volsched.service.generation import Current


class Standing(Collector):
    """Asks nobody: what is away is not there, and breaks nothing."""

    def __init__(self, current: Current, looks: DependencyChecks, *, of_everything: bool) -> None:
        """`of_everything`: also what is in the database, which every process would say alike."""
        self._current = current
        self._looks = looks
        self._of_everything = of_everything

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on what was found."""
        return ()

    def collect(self) -> Iterable[Metric]:
        found, current = self._looks.found, self._current
        reloads = CounterMetricFamily(f"{NAMESPACE}_reloads", "Reloads of the configuration.", labels=["outcome"])
        reloads.add_metric(["done"], current.reloads)
        reloads.add_metric(["refused"], current.refusals)
        yield reloads
        yield _gauge("config_generation", "The number of the configuration in force.", current.application.generation)
        yield _gauge(
            "database_up",
            "Whether the last look at the database found it, with the tables of this version.",
            found.figures is not None and self._looks.late is None,
        )
        if found.pools is not None:
            pools = _labelled("pools", "Pools as this scheduler sees them.", "state")
            for state, count in zip(("taking_part", "set_aside"), found.pools, strict=True):
                pools.add_metric([state], count)
            yield pools
        if self._of_everything and found.figures is not None:
            yield from _of_database(found.figures)
            yield from _of_backends(found.services)


def _of_database(figures: Figures) -> Iterable[Metric]:
    length = _labelled("queue_length", "Work that is not finished, by how it stands.", "queue", "state")
    for (queue, state), count in sorted(figures.queues.items()):
        length.add_metric([queue, state], count)
    yield length
    oldest = _labelled("queue_oldest_seconds", "Age of the oldest work that waits to be taken.", "queue")
    for queue, age in sorted(figures.waiting.items()):
        oldest.add_metric([queue], age)
    yield oldest
    yield _gauge("outbox_length", "Events that some notifier has still to get.", figures.outbox)
    yield _gauge("outbox_oldest_seconds", "Age of the oldest of them.", figures.outbox_age)
    parked = _labelled("events_parked", "Events that were given up, by notifier.", "notifier")
    for notifier, count in sorted(figures.parked.items()):
        parked.add_metric([notifier], count)
    yield parked


def _of_backends(services: Iterable[ServiceState]) -> Iterable[Metric]:
    counted = Counter(_state_of(service) for service in services if service.kind == "volume")
    backends = _labelled("backends", "Storage backends, by how they stand.", "state")
    for state in ("up", "down", "disabled"):
        backends.add_metric([state], counted[state])
    yield backends


def _state_of(service: ServiceState) -> str:
    return "disabled" if service.disabled else "up" if service.up else "down"


def _labelled(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, labels=labels)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=value)
