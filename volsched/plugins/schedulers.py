"""Scheduler drivers: the `driver_api` that the create_volume flow and the scheduler worker call.

Most authors subclass `volsched.placement.scheduler.PlacingScheduler`, which does everything but choose.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np

from volsched.exceptions import NoValidBackend
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision, FilterStep, Screening
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.parsing import request_from
from volsched.model.ports import (
    ClaimStore,
    Clock,
    DecisionLog,
    EventSink,
    FactSource,
    FailureLog,
    PoolSource,
    TypeStore,
    VolumeStore,
)
from volsched.model.refusal_messages import message_code, tenant_message
from volsched.model.report import CapabilityReport
from volsched.model.request import RequestSpec
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message
from volsched.plugins.options import Plugin

#: The type of the event that reports a volume that could not be placed.
CREATE_FAILED = "scheduler.create_volume"


class Chooser(Protocol):
    """The configured filters, weighers and weight handler, put together."""

    @property
    def needs(self) -> frozenset[str]:
        """The facts that some plugin of it needs: INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS."""
        ...

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only: `ranked` keeps candidate order, weights are 0."""
        ...

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank."""
        ...


class CreateFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that could not be placed, and why."""

    problem: BaseException
    volume_id: str | None
    project_id: str
    request_spec: Any  # as received, as plain data
    context: Mapping[str, Any]
    attempt: int
    took_ms: float
    fence: Lease | None = None  # the lease that the work is done under; None: there is none, or it cannot be read


FurtherEvents = Callable[[Decision, Event], Sequence[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerResources:
    """Everything that a scheduler driver works with."""

    pools: PoolSource
    claims: ClaimStore
    volumes: VolumeStore
    types: TypeStore
    facts: FactSource
    events: EventSink
    decisions: DecisionLog
    failures: FailureLog
    chooser: Chooser
    clock: Clock
    publisher: str = "scheduler"
    max_attempts: int = 3  # scheduler_max_attempts; 1: no rescheduling
    claim_attempts: int = 10  # pools tried in one attempt while claims conflict
    decision_detail: int = 100  # pools listed by name in a stored decision
    config_generation: int = 0
    driver: str = "scheduler driver"  # the name under which the driver is selected
    driver_package: str = ""  # the package that publishes it, with the version

    def event(
        self,
        event_id: str,
        event_type: str,
        payload: Mapping[str, Any],
        *,
        priority: Priority = Priority.INFO,
        volume_id: str | None = None,
        project_id: str | None = None,
        at: datetime | None = None,
    ) -> Event:
        """Return an event of this scheduler. `at`: when it happened; by default, now."""
        return Event(
            id=event_id,
            event_type=event_type,
            priority=priority,
            occurred_at=(self.clock() if at is None else at).isoformat(),
            publisher=self.publisher,
            volume_id=volume_id,
            project_id=project_id,
            payload=payload,
        )

    def record_failure(self, failure: CreateFailure, further_events: FurtherEvents) -> None:
        """Record that a volume could not be placed: its status, the event, the message and the decision.

        One transaction; the same attempt again is harmless. `further_events`: see SchedulerDriver. Raises LeaseLost,
        and writes nothing, where the fence is gone.
        """
        problem, volume_id = failure.problem, failure.volume_id
        decision: Decision | None = getattr(problem, "decision", None)
        spec = failure.request_spec
        payload = {
            "request_spec": spec,
            "volume_properties": (spec.get("volume_properties") if isinstance(spec, Mapping) else None) or {},
            "volume_id": volume_id,
            "state": VolumeStatus.ERROR.value,
            "method": "create_volume",
            "error": type(problem).__name__,
            "reason": str(problem),
            "context": failure.context,
            "attempt": failure.attempt,
            "driver": self.driver,
            "took_ms": failure.took_ms,
            "decision": decision.summary() if decision is not None else None,
        }
        event = self.event(
            derived_id("event", volume_id, CREATE_FAILED, failure.attempt),
            CREATE_FAILED,
            payload,
            priority=Priority.ERROR,
            volume_id=volume_id,
            project_id=failure.project_id or None,
        )
        message = None
        if volume_id is not None:
            text = tenant_message(problem)
            message = Message(volume_id=volume_id, project_id=failure.project_id, code=message_code(problem), text=text)
        self.failures.record(
            volume_id=volume_id,
            status=VolumeStatus.ERROR,
            event=event,
            message=message,
            decision=decision.plain(most=self.decision_detail) if decision is not None else None,
            fence=failure.fence,
        )
        if decision is not None:
            for further in further_events(decision, event):
                self.events.emit(further)


class SchedulerDriver(Plugin, abc.ABC):
    """Chooses pools, and hands new volumes over to their agents.

    `context` is an oslo.context RequestContext, or a dict of one. `request_spec` and `filter_properties` are Cinder's
    dicts; they are parsed at the edge and never written to. `request_spec["operation"]` names what the room is wanted
    for: create_volume, extend_volume, create_snapshot, migrate_volume, retype_volume or manage_existing.

    Every method that answers with a Decision names the pool it answers with as `chosen`. NoValidBackend is the answer
    no; a driver that raises anything else fails the request, and one that answers otherwise does so as well.
    """

    #: Whether it uses the configured filters and weighers: False turns off the check that there are some.
    uses_filters: ClassVar[bool] = True

    def __init__(self, resources: SchedulerResources) -> None:
        self.resources = resources

    @abc.abstractmethod
    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        """Choose a pool, claim the room and queue the work of its agent, in one transaction.

        Raises NoValidBackend, InvalidRequest, PluginError, LeaseLost.
        """

    @abc.abstractmethod
    def backend_passes_filters(
        self, context: Any, backend: str, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        """Choose the pool named `backend`, or the best pool of the backend of that name. Claims nothing.

        Called for extend, manage, migrate and snapshot; the caller claims the room. Raises NoValidBackend.
        """

    @abc.abstractmethod
    def find_retype_backend(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any] | None = None,
        migration_policy: str = "never",
    ) -> Decision:
        """Choose a pool for the volume with its new type: the current pool if it passes, else the best other one.

        Claims nothing. Raises NoValidBackend, also where the volume would have to move and `migration_policy` is never.
        """

    @abc.abstractmethod
    def get_pools(self, context: Any, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return `{"name": pool_id, "capabilities": {…}}` of the pools that match, in reporting order."""

    @abc.abstractmethod
    def schedule_create_group(
        self,
        context: Any,
        group: Mapping[str, Any],
        group_spec: Mapping[str, Any],
        request_spec_list: Sequence[Mapping[str, Any]],
        group_filter_properties: Mapping[str, Any],
        filter_properties_list: Sequence[Mapping[str, Any]] | None,
    ) -> Decision:
        """Choose a pool on a backend that serves every volume type of the group. Raises NoValidBackend."""

    def dry_run(self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]) -> Decision:
        """Return what would be decided now; nothing is claimed, and an empty ranking is no error.

        This one asks `backend_passes_filters` for each pool. Override it where the driver can rank the pools.
        """
        operation = request_spec.get("operation") or "create_volume"
        asked = {**request_spec, "operation": operation}
        candidates = self.resources.pools.table().candidates()
        problems: dict[int, str] = {}
        for position, pool in enumerate(candidates):
            try:
                self.backend_passes_filters(context, pool.pool_id, asked, filter_properties)
            except NoValidBackend as refusal:
                problems[position] = str(refusal)
        passed = np.array([position not in problems for position in range(len(candidates))], np.bool_)
        ranked = candidates.take(passed)
        step = FilterStep("backend_passes_filters", candidates, Screening(passed, problems.__getitem__))
        request = request_from(context, asked, filter_properties)
        return Decision(request, ranked, (step,), ranked)

    def get_backup_host(
        self, volume: Mapping[str, Any] | None, availability_zone: str | None = None, driver: str | None = None
    ) -> str:
        """Return a host whose backup service is up and fits, the volume's own where that is preferred.

        Raises ServiceNotFound.
        """
        return self.resources.pools.backup_host(volume, availability_zone, driver)

    def update_service_capabilities(
        self,
        service_name: str,
        host: str,
        capabilities: Mapping[str, Any],
        cluster_name: str | None,
        timestamp: datetime | None,
    ) -> None:
        """Store a capability report; what cannot be used is set aside with its reason."""
        self.resources.pools.report(
            CapabilityReport(
                service_name=service_name,
                host=host,
                capabilities=capabilities,
                cluster_name=cluster_name,
                timestamp=timestamp if timestamp is not None else self.resources.clock(),
            )
        )

    def further_events(self, decision: Decision, event: Event) -> Sequence[Event]:
        """Return the events that are sent about a decision besides `event`, in the same transaction."""
        return ()

    def record_failure(self, failure: CreateFailure) -> None:
        """Record that a volume could not be placed, where the create_volume flow runs without a scheduler worker."""
        self.resources.record_failure(failure, self.further_events)
