"""Scheduler drivers: the `driver_api` that ScheduleCreateVolumeTask delegates to.

Most authors subclass `volsched.placement.scheduler.PlacingScheduler`, which does everything but choose.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.pool import PoolState
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
from volsched.model.request import RequestSpec
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message
from volsched.plugins.options import Plugin


class Chooser(Protocol):
    """The selected filters, weighers and handler, put together."""

    @property
    def needs(self) -> frozenset[str]:
        """The facts that some plugin of it asks for: INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS."""
        ...

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only: `ranked` keeps candidate order, weights are 0."""
        ...

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerResources:
    """All that a scheduler driver may touch."""

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
    driver: str = "scheduler driver"  # the name under which the driver in it is selected
    driver_package: str = ""  # and who publishes it, with the version


class SchedulerDriver(Plugin, abc.ABC):
    """Chooses pools and hands requests over. `context` is an oslo.context RequestContext, or a dict of one.

    `request_spec` and `filter_properties` are Cinder's dicts; they are parsed at the door and never written to.
    """

    #: Whether it uses the configured filters and weighers: False turns off the check that there are some.
    uses_filters: ClassVar[bool] = True

    def __init__(self, resources: SchedulerResources) -> None:
        self.resources = resources

    @abc.abstractmethod
    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        """Choose a pool, claim the room, cast to the volume service. Raises NoValidBackend, InvalidRequest."""

    @abc.abstractmethod
    def backend_passes_filters(
        self, context: Any, backend: str, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> PoolState:
        """The pool (or the best pool of the backend) named `backend`, if it passes. Raises NoValidBackend."""

    @abc.abstractmethod
    def find_retype_backend(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any] | None = None,
        migration_policy: str = "never",
    ) -> PoolState:
        """Where a volume can live with another type: where it is, if that will do. Raises NoValidBackend."""

    @abc.abstractmethod
    def get_pools(self, context: Any, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """`{"name": pool_id, "capabilities": {…}}` of the pools that match, in reporting order."""

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
        """A pool on a backend that serves every volume type of the group. Raises NoValidBackend."""

    def further_events(self, decision: Decision, event: Event) -> Sequence[Event]:
        """What is told of a decision besides `event`, and becomes true with it. None as a rule."""
        return ()

    def record_failure(
        self,
        *,
        volume_id: str | None,
        event: Event,
        message: Message | None,
        decision: Decision | None,
        fence: Lease | None = None,
    ) -> None:
        """A volume could not be placed: status, notification, message and decision, in one transaction.

        Raises LeaseLost, and nothing is written, where the fence is gone.
        """
        self.resources.failures.record(
            volume_id=volume_id,
            status=VolumeStatus.ERROR,
            event=event,
            message=message,
            decision=decision.plain(most=self.resources.decision_detail) if decision is not None else None,
            fence=fence,
        )
        if decision is not None:
            for further in self.further_events(decision, event):
                self.resources.events.emit(further)
