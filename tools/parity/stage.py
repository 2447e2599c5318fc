"""The stage on which a recorded case is played again: the real engine, registry and plugins over ports in memory."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tools.parity.cases import Case
from tools.parity.usage import UsageRegistry
from volsched.exceptions import ConfigurationError, InstanceNotLocated
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.report import ServiceState
from volsched.model.request import RequestSpec, VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.placement.pipeline import Placing
from volsched.plugins import SchedulerResources
from volsched.testing.installed import FILTERS, HANDLERS, SCHEDULERS, WEIGHERS, plugin_class
from volsched.testing.memory import (
    MemoryClaims,
    MemoryDecisions,
    MemoryEvents,
    MemoryFacts,
    MemoryFailures,
    MemoryTypes,
    MemoryVolumes,
)

DEFAULT_NOW = "2026-01-01T00:00:00"
DEFAULT_FILTERS = ("AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter")
DEFAULT_WEIGHERS = ("CapacityWeigher",)
DEFAULT_HANDLER = "cinder.scheduler.weights.OrderedHostWeightHandler"
DEFAULT_ATTEMPTS = 3
DEFAULT_RATIO = "20.0"
HANDLER_CLASSES = {
    "OrderedHostWeightHandler": "OrderedWeightHandler",
    "StochasticHostWeightHandler": "StochasticWeightHandler",
}


class Clock:
    """A clock that the case moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class RecordedDraws:
    """The recorded random draws, used in order, from the beginning again when they run out."""

    def __init__(self, draws: Sequence[float]) -> None:
        self._draws = list(draws)
        self.position = 0

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """The next `count` of them."""
        if not self._draws and count:
            raise ConfigurationError("random", f"{purpose} draws, and the case has recorded no draws")
        taken = [self._draws[(self.position + number) % len(self._draws)] for number in range(count)]
        self.position += count
        return np.array(taken, np.float64)


class RecordingChooser:
    """The real chooser, which draws what was recorded and keeps what it was asked and what it decided."""

    def __init__(self, placing: Placing, draws: RecordedDraws) -> None:
        self.placing = placing
        self.draws = draws
        self.asked: list[tuple[RequestSpec, Candidates, int]] = []
        self.decided: list[Decision] = []

    @property
    def needs(self) -> frozenset[str]:
        return self.placing.needs

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self._kept(self.placing.screen(self._remember(request, candidates), candidates))

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self._kept(self.placing.place(self._remember(request, candidates), candidates))

    def forget(self) -> None:
        """A new request begins."""
        self.asked, self.decided = [], []

    def _remember(self, request: RequestSpec, candidates: Candidates) -> RequestSpec:
        request = replace(request, draws=self.draws)
        self.asked.append((request, candidates, self.draws.position))
        return request

    def _kept(self, decision: Decision) -> Decision:
        self.decided.append(decision)
        return decision


class Stage:
    """Everything of one case that lasts from request to request. Raises VolschedError where it cannot start."""

    def __init__(self, case: Case) -> None:
        config: Mapping[str, Any] = case.get("config") or {}
        self.case = case
        self.config = config
        self.clock = Clock(datetime.fromisoformat(case.get("now", DEFAULT_NOW)))
        self.draws = RecordedDraws(case.get("random") or ())
        self.attempts = config.get("scheduler_max_attempts", DEFAULT_ATTEMPTS)
        if self.attempts < 1:
            raise ConfigurationError("[scheduler] max_attempts", f"{self.attempts} is less than 1")
        self.registry = UsageRegistry(
            str(config.get("max_over_subscription_ratio", DEFAULT_RATIO)),
            backup_use_same_host=bool(config.get("backup_use_same_host", False)),
        )
        self.volumes = MemoryVolumes()
        self.deleted = {row["id"] for row in case.get("volumes") or () if row.get("deleted")}
        for row in case.get("volumes") or ():
            if row["id"] not in self.deleted:
                self.volumes.create(volume_of(row))
        self.claims = MemoryClaims(self.registry, self.volumes)
        self.chooser = RecordingChooser(
            self.placing(
                config.get("scheduler_default_filters", DEFAULT_FILTERS),
                config.get("scheduler_default_weighers", DEFAULT_WEIGHERS),
            ),
            self.draws,
        )
        self.facts = MemoryFacts(self.volumes, self._instance_host)
        self.resources = SchedulerResources(
            pools=self.registry,
            claims=self.claims,
            volumes=self.volumes,
            types=MemoryTypes(map(type_of, case.get("volume_types") or ())),
            facts=self.facts,
            events=MemoryEvents(),
            decisions=MemoryDecisions(),
            failures=MemoryFailures(self.volumes),
            chooser=self.chooser,
            clock=self.clock,
            max_attempts=self.attempts,
        )
        self.driver = plugin_class(SCHEDULERS, "filter")(self.resources)
        self.registry.services(services_of(case.get("services"), case.get("clusters")))

    def placing(self, filters: Sequence[str], weighers: Sequence[str]) -> Placing:
        """The real filters and weighers of these names, under the case's options. Raises PluginNotFound."""
        handler = str(self.config.get("scheduler_weight_handler", DEFAULT_HANDLER)).rpartition(".")[2]
        return Placing(
            [(name, self._plugin(FILTERS, name)) for name in filters],
            [(name, self._plugin(WEIGHERS, name)) for name in weighers],
            self._plugin(HANDLERS, HANDLER_CLASSES.get(handler, handler)),
        )

    def _plugin(self, group: str, name: str) -> Any:
        made = plugin_class(group, name)
        options = {**self.config, "expression_dialect": "cinder"}
        accepted = inspect.signature(made).parameters
        return made(**{key: value for key, value in options.items() if key in accepted})

    def _instance_host(self, instance_id: str) -> str:
        known = self.case.get("instances") or {}
        if instance_id not in known:
            raise InstanceNotLocated(instance_id, "not_found", "there is no such instance")
        found = known[instance_id]
        if found == "timeout":
            raise InstanceNotLocated(instance_id, "timeout", "the compute API did not answer in time")
        if "host" not in found:
            raise InstanceNotLocated(instance_id, "hidden", "the compute API does not show where it runs")
        return str(found["host"])


def services_of(services: Any, clusters: Any) -> list[ServiceState]:
    """Recorded services. Of a clustered one only the cluster's flags count, and none are set where it has no row."""
    flags = {cluster["name"]: cluster for cluster in clusters or ()}
    made = []
    for service in services or ():
        cluster = service.get("cluster_name")
        said = flags.get(cluster, {}) if cluster else service
        made.append(
            ServiceState(
                host=service["host"],
                cluster_name=cluster,
                zone=service.get("availability_zone", "nova"),
                disabled=bool(said.get("disabled", False)),
                frozen=bool(said.get("frozen", False)),
                up=bool(service.get("is_up", True)),
                kind="backup" if service.get("topic") == "cinder-backup" else "volume",
            )
        )
    return made


def volume_of(row: Mapping[str, Any]) -> Volume:
    """A recorded volume's row."""
    status = VolumeStatus.AVAILABLE
    with contextlib.suppress(ValueError):  # Cinder knows more of them, and none of them decides anything
        status = VolumeStatus(row.get("status", "available"))
    return Volume(
        id=row["id"],
        project_id=row.get("project_id", "project"),
        user_id=row.get("user_id", "user"),
        size_gb=row.get("size", 1),
        status=status,
        host=row.get("host"),
        cluster_name=row.get("cluster_name"),
        migration_status=row.get("migration_status"),
        availability_zone=row.get("availability_zone"),
    )


def type_of(row: Mapping[str, Any]) -> VolumeType:
    """A recorded volume type."""
    return VolumeType(
        id=row["id"], name=row["name"], extra_specs=row.get("extra_specs") or {}, qos_specs=row.get("qos_specs") or None
    )
