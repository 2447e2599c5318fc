"""The ports in memory: all of a scheduler's resources without a database or a bus, for tests and benchmarks."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import (
    ClaimConflict,
    InvalidRequest,
    LeaseLost,
    VolumeNotFound,
    VolumeTypeNotFound,
)
from volsched.model import capacity
from volsched.model.claim import Claim, ClaimState, Placement
from volsched.model.event import Event
from volsched.model.ports import Clock
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.request import VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Lease, Message, Outcome, Starting, WorkItem, WorkRequest, WorkState
from volsched.placement.registry import Registry, utc_now
from volsched.plugins import Chooser, SchedulerResources
from volsched.testing.installed import a_chooser


class MemoryVolumes:
    """Volumes as rows. A port: VolumeStore."""

    def __init__(self, work: MemoryWork | None = None) -> None:
        self.rows: dict[str, Volume] = {}
        self._work = work
        self._lock = threading.RLock()

    def get(self, volume_id: str) -> Volume:
        with self._lock:
            if volume_id not in self.rows:
                raise VolumeNotFound(volume_id)
            return self.rows[volume_id]

    def create(self, volume: Volume, work: Sequence[WorkRequest] = ()) -> Volume:
        with self._lock:
            self.rows[volume.id] = volume
            self._queue(work)
            return volume

    def update(self, volume_id: str, changes: Mapping[str, Any]) -> Volume:
        with self._lock:
            self.rows[volume_id] = replace(self.get(volume_id), **changes)
            return self.rows[volume_id]

    def set_status(
        self, volume_id: str, status: VolumeStatus, *, only_from: Iterable[VolumeStatus] | None = None
    ) -> bool:
        with self._lock:
            volume = self.rows.get(volume_id)
            if volume is None or (only_from is not None and volume.status not in tuple(only_from)):
                return False
            self.update(volume_id, {"status": status})
            return True

    def begin(
        self,
        volume_id: str,
        status: VolumeStatus,
        *,
        only_from: Iterable[VolumeStatus],
        work: Sequence[WorkRequest] = (),
        without_snapshots: bool = False,  # there are none in memory
    ) -> Volume:
        with self._lock:
            volume = self.get(volume_id)
            if not self.set_status(volume_id, status, only_from=only_from):
                raise InvalidRequest("status", f"volume {volume_id} is {volume.status}")
            self._queue(work)
            return self.rows[volume_id]

    def remove(self, volume_id: str, events: Sequence[Event] = ()) -> None:
        with self._lock:
            self.rows.pop(volume_id, None)

    def _queue(self, work: Iterable[WorkRequest]) -> None:
        if self._work is not None:
            for request in work:
                self._work.add(request)


class MemoryClaims:
    """Room in the pools of a registry, taken and given back under one lock. A port: ClaimStore."""

    def __init__(self, registry: Registry, volumes: MemoryVolumes) -> None:
        self.rows: dict[str, Claim] = {}
        self.placements: deque[Placement] = deque(maxlen=10)  # the last ones: each holds on to a snapshot
        self._registry = registry
        self._volumes = volumes
        self._lock = threading.RLock()

    def claim(self, placement: Placement) -> Claim:
        claim = placement.claim
        with self._lock:
            made = self.rows.get(claim.key)
            if made is not None:
                if made.pool_id != claim.pool_id:
                    raise ClaimConflict(claim.pool_id, f"the room was taken in {made.pool_id} already")
                return made
            self._check_room(placement)
            if placement.volume_changes:
                self._volumes.update(claim.volume_id, placement.volume_changes)
            self.rows[claim.key] = claim
            self.placements.append(placement)
            self._registry.claimed(claim)
            return claim

    def _check_room(self, placement: Placement) -> None:
        claim = placement.claim
        snapshot = self._registry.table()
        row = snapshot.row(claim.pool_id)
        if row is None:
            raise ClaimConflict(claim.pool_id, "the pool is gone")
        room_gb = capacity.room_gb(snapshot.pool(row), thin=placement.thin)
        if room_gb < claim.size_gb:
            raise ClaimConflict(claim.pool_id, f"{claim.size_gb:g} GiB are not left, only {room_gb:.2f}")

    def confirm(self, key: str, at: datetime) -> None:
        """The backend has made it real at this time of its clock."""
        with self._lock:
            if key in self.rows:
                self.rows[key] = replace(self.rows[key], state=ClaimState.CONFIRMED, confirmed_at=at)
                self._registry.confirmed(key, at)

    def release(self, key: str) -> None:
        with self._lock:
            if self.rows.pop(key, None) is not None:
                self._registry.released(key)


class MemoryTypes:
    """Volume types by name and id. A port: TypeStore."""

    def __init__(self, types: Iterable[VolumeType] = ()) -> None:
        self.rows = list(types)

    def find(self, name_or_id: str) -> VolumeType:
        for row in self.rows:
            if name_or_id in (row.id, row.name):
                return row
        raise VolumeTypeNotFound(name_or_id)


class MemoryFacts:
    """Facts from the volumes' rows; `instances` says where compute instances run. A port: FactSource.

    The copies that migrations make are hidden unless `shows_copies`.
    """

    def __init__(self, volumes: MemoryVolumes, instances: Callable[[str], str] | None = None) -> None:
        self.shows_copies = False
        self._volumes = volumes
        self._instances = instances

    def backends_of(self, volume_ids: Sequence[str], project_id: str | None) -> Mapping[str, str]:
        found = {}
        for volume_id in volume_ids:
            volume = self._volumes.rows.get(volume_id)
            if volume is None or (project_id is not None and volume.project_id != project_id):
                continue
            if (volume.migration_status or "").startswith("target:") and not self.shows_copies:
                continue
            place = volume.cluster_name or volume.host
            if place:
                found[volume_id] = place
        return found

    def volume_counts(self) -> Mapping[str, int]:
        return Counter(volume.host for volume in self._volumes.rows.values() if volume.host)

    def instance_host(self, instance_id: str) -> str:
        if self._instances is None:
            raise InvalidRequest("local_to_instance", f"the host of instance {instance_id} is not known")
        return self._instances(instance_id)


class MemoryWork:
    """Work rows under leases. A port: WorkStore."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.rows: dict[str, tuple[WorkRequest, WorkState, Lease | None]] = {}
        self.outcomes: list[Outcome] = []
        self.events: list[Event] = []  # of work that was taken
        self._clock = clock
        self._lock = threading.RLock()

    def add(self, work: WorkRequest) -> None:
        with self._lock:
            self.rows.setdefault(work.id, (work, WorkState.QUEUED, None))

    def take(
        self, queues: Sequence[str], owner: str, lease_seconds: float, starting: Starting | None = None
    ) -> WorkItem | None:
        now = self._clock()
        with self._lock:
            for request, state, lease in self.rows.values():
                expired = state is WorkState.RUNNING and lease is not None and lease.until <= now
                if request.queue in queues and (state is WorkState.QUEUED or expired):
                    attempt = 1 if lease is None else lease.attempt + 1
                    taken = Lease(
                        work_id=request.id,
                        owner=owner,
                        attempt=attempt,
                        until=now + timedelta(seconds=lease_seconds),
                    )
                    self.rows[request.id] = (request, WorkState.RUNNING, taken)
                    work = WorkItem(
                        id=request.id,
                        queue=request.queue,
                        operation=request.operation,
                        volume_id=request.volume_id,
                        payload=request.payload,
                        lease=taken,
                    )
                    self.events.extend(starting(work) if starting is not None else ())
                    return work
        return None

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        with self._lock:
            request = self._held(lease)
            renewed = replace(lease, until=self._clock() + timedelta(seconds=lease_seconds))
            self.rows[request.id] = (request, WorkState.RUNNING, renewed)
            return renewed

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        with self._lock:
            request = self._held(lease)
            self.rows[request.id] = (request, outcome.state, lease)
            self.outcomes.append(outcome)
            for work in outcome.follow_up:
                self.add(work)

    def _held(self, lease: Lease) -> WorkRequest:
        request, state, held = self.rows.get(lease.work_id, (None, None, None))
        if request is None or state is not WorkState.RUNNING or held is None or held.attempt != lease.attempt:
            raise LeaseLost(lease.work_id)
        return request


@dataclass
class MemoryCaster:
    """Remembers which queues were woken. A port: VolumeCaster."""

    woken: list[str] = field(default_factory=list)

    def wake(self, queue: str) -> None:
        self.woken.append(queue)


@dataclass
class MemoryEvents:
    """Remembers events. A port: EventSink."""

    emitted: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.emitted.append(event)


@dataclass
class MemoryDecisions:
    """Remembers decisions that led to no claim. A port: DecisionLog."""

    recorded: list[tuple[str | None, Mapping[str, Any]]] = field(default_factory=list)

    def record(self, volume_id: str | None, decision: Mapping[str, Any]) -> str:
        self.recorded.append((volume_id, decision))
        return f"decision-{len(self.recorded)}"


@dataclass
class MemoryMessages:
    """Remembers messages to users. A port: MessageLog."""

    recorded: list[Message] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)

    def record(self, message: Message, message_id: str | None = None) -> None:
        if message_id is None or message_id not in self.ids:
            self.recorded.append(message)
            self.ids.append(message_id)


@dataclass
class MemoryFailures:
    """Remembers requests that could not be served. A port: FailureLog."""

    volumes: MemoryVolumes
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    decisions: list[Mapping[str, Any]] = field(default_factory=list)

    def record(
        self,
        *,
        volume_id: str | None,
        status: VolumeStatus | None,
        event: Event,
        message: Message | None,
        decision: Mapping[str, Any] | None,
        fence: Lease | None = None,
    ) -> None:
        if any(event.id == known.id for known in self.events):
            return
        if volume_id is not None and status is not None:
            self.volumes.set_status(volume_id, status)
        self.events.append(event)
        if message is not None:
            self.messages.append(message)
        if decision is not None:
            self.decisions.append(decision)


def scheduler_resources(
    *reports: CapabilityReport,
    services: Sequence[ServiceState] | None = None,
    volumes: Iterable[Volume] = (),
    types: Iterable[VolumeType] = (),
    chooser: Chooser | None = None,
    instances: Callable[[str], str] | None = None,
    clock: Clock = utc_now,
    default_ratio: str = "20.0",
    max_attempts: int = 3,
) -> SchedulerResources:
    """Return a scheduler's resources in memory, with these reports applied.

    Each report comes from a service that is up, unless `services` is given.

    The chooser is made of the default filters and weighers, as installed.
    """
    registry = Registry(default_ratio, clock=clock)
    rows = MemoryVolumes()
    for volume in volumes:
        rows.create(volume)
    up = [ServiceState(host=each.host, cluster_name=each.cluster_name, kind=each.service_name) for each in reports]
    registry.load(up if services is None else services, reports)
    return SchedulerResources(
        pools=registry,
        claims=MemoryClaims(registry, rows),
        volumes=rows,
        types=MemoryTypes(types),
        facts=MemoryFacts(rows, instances),
        events=MemoryEvents(),
        decisions=MemoryDecisions(),
        failures=MemoryFailures(rows),
        chooser=a_chooser() if chooser is None else chooser,
        clock=clock,
        max_attempts=max_attempts,
    )
