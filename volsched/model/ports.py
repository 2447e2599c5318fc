"""The ports: what placement, flows and drivers need from stores and services, one protocol a need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from volsched.model.candidates import PoolTable
from volsched.model.claim import Claim, Placement
from volsched.model.event import DueEvent, Event
from volsched.model.report import CapabilityReport
from volsched.model.request import VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Lease, Message, Outcome, Starting, WorkItem, WorkRequest


class Clock(Protocol):
    """The current time."""

    def __call__(self) -> datetime:
        """Return the time in UTC, without a zone."""
        ...


class PoolSource(Protocol):
    """The pools that requests are placed on."""

    def table(self) -> PoolTable: ...

    def set_aside(self) -> tuple[tuple[str, str], ...]:
        """Return the ids of pools and backends that cannot be used, each with the reason."""
        ...

    def claimed(self, claim: Claim) -> None:
        """Subtract a claim from its pool in the next table."""
        ...

    def released(self, key: str) -> None:
        """Stop subtracting a released claim in the next table."""
        ...

    def refresh(self, pool_id: str) -> None:
        """Read one pool again, because another process changed it."""
        ...

    def renew(self) -> bool:
        """Read all pools again before a request is refused; return False if nothing can have changed."""
        ...

    def report(self, report: CapabilityReport) -> None:
        """Apply a capability report. Pools that cannot be used are set aside; nothing is raised."""
        ...

    def backup_host(self, volume: Mapping[str, Any] | None, zone: str | None, driver: str | None) -> str:
        """Return a host for a backup. Raise ServiceNotFound."""
        ...


class ClaimStore(Protocol):
    """Claims of room in pools; claiming and releasing are atomic."""

    def claim(self, placement: Placement) -> Claim:
        """Claim the room and write everything else in the placement, or nothing.

        The same key and pool again returns the claim made before. Raise ClaimConflict if the pool lacks the room, and
        LeaseLost if the fence is no longer held.
        """
        ...

    def release(self, key: str) -> None:
        """Release the room of a claim; harmless if there is none."""
        ...


class VolumeStore(Protocol):
    """The rows of volumes, for flows (`db` in their constructors) and scheduler drivers."""

    def get(self, volume_id: str) -> Volume:
        """Return a volume, or raise VolumeNotFound."""
        ...

    def create(self, volume: Volume, work: Sequence[WorkRequest] = ()) -> Volume:
        """Insert a row and queue its work in one transaction."""
        ...

    def update(self, volume_id: str, changes: Mapping[str, Any]) -> Volume:
        """Return a volume, or raise VolumeNotFound."""
        ...

    def set_status(
        self, volume_id: str, status: VolumeStatus, *, only_from: Iterable[VolumeStatus] | None = None
    ) -> bool:
        """Return True if the status was changed, False if the row is gone or has a status not in `only_from`."""
        ...

    def begin(
        self,
        volume_id: str,
        status: VolumeStatus,
        *,
        only_from: Iterable[VolumeStatus],
        work: Sequence[WorkRequest] = (),
        without_snapshots: bool = False,
    ) -> Volume:
        """Set a status of work in progress and queue the work in one transaction.

        Raise VolumeNotFound, and InvalidRequest if the status is not in `only_from` or, `without_snapshots`, if the
        volume has snapshots.
        """
        ...

    def remove(self, volume_id: str, events: Sequence[Event] = ()) -> None:
        """Delete the row and store the events in one transaction; harmless if the row is gone."""
        ...


class QuotaStore(Protocol):
    """The limits of projects. Usage is counted from the rows of volumes, so it cannot become wrong."""

    def reserve(self, project_id: str, *, volumes: int, gigabytes: int, volume_type_id: str | None = None) -> str:
        """Return the id of a reservation, which expires. Raise QuotaExceeded."""
        ...

    def commit(self, reservation: str) -> None:
        """Remove a reservation whose rows are now counted themselves; harmless if it is gone."""
        ...

    def cancel(self, reservation: str) -> None:
        """Remove a reservation; harmless if it is gone."""
        ...


class FactSource(Protocol):
    """The facts that plugins need beside the request, one query each."""

    def backends_of(self, volume_ids: Sequence[str], project_id: str | None) -> Mapping[str, str]:
        """Return the host or cluster pool id of each undeleted volume that the project may see (None: all)."""
        ...

    def volume_counts(self) -> Mapping[str, int]:
        """Return the number of undeleted volumes of all projects for each host (host@backend#pool)."""
        ...

    def instance_host(self, instance_id: str) -> str:
        """Return the hypervisor host of a compute instance, or raise InvalidRequest naming the hint."""
        ...


class TypeStore(Protocol):
    """The volume types."""

    def find(self, name_or_id: str) -> VolumeType:
        """Return the type of that name or id, or raise VolumeTypeNotFound."""
        ...


class WorkStore(Protocol):
    """The queue of work; each row is worked on under a lease."""

    def add(self, work: WorkRequest) -> None:
        """Queue work; harmless if the id is queued already."""
        ...

    def take(
        self, queues: Sequence[str], owner: str, lease_seconds: float, starting: Starting | None = None
    ) -> WorkItem | None:
        """Return the oldest work that is queued or whose lease expired, under a new lease of this owner.

        The events that `starting` returns are stored in the same transaction.
        """
        ...

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        """Extend a lease, or raise LeaseLost."""
        ...

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """End the work and write its outcome in one transaction. Raise LeaseLost."""
        ...


class VolumeCaster(Protocol):
    """The wake-up of whoever serves a queue. A lost one only delays, because the work is in the database."""

    def wake(self, queue: str) -> None:
        """Send a wake-up for a queue. Never raises and never blocks for long."""
        ...


class EventSink(Protocol):
    """The entry to the outbox: events are stored for delivery."""

    def emit(self, event: Event) -> None: ...


class FailureLog(Protocol):
    """The record of a request that failed, written in one transaction."""

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
        """Write the volume's status, the event, the message for the user and the decision for the operator.

        Nothing is written if the event's id is known. Raise LeaseLost if the fence is no longer held.
        """
        ...


class OutboxStore(Protocol):
    """The outbox: events that wait for delivery, tracked for each notifier by its configured name."""

    def expect(self, notifiers: Iterable[str]) -> None:
        """Register the notifiers that must receive every event before it is done.

        Called before the first `due` and at least hourly: a notifier that is not registered for long counts as removed.
        """
        ...

    def due(self, notifier: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[DueEvent]:
        """Return the events to deliver to a notifier now, oldest first, held for this owner until the lease ends.

        While an event waits for its next try, or is held by another owner, later events of the same volume wait too.
        A parked event blocks nothing. Events that this owner holds already are returned again.
        """
        ...

    def delivered(self, notifier: str, *event_ids: str) -> None:
        """Mark events as delivered, or as not wanted by this notifier; harmless if they are."""
        ...

    def failed(self, notifier: str, event_id: str, problem: str, *, retry_at: datetime | None) -> None:
        """Count a failed try. The next one is due at `retry_at`; None parks the event."""
        ...

    def purge(self, *, before: datetime) -> int:
        """Delete finished events that are older than `before`, and return how many."""
        ...


class DecisionLog(Protocol):
    """The decisions without a claim; the others are written with the claim."""

    def record(self, volume_id: str | None, decision: Mapping[str, Any]) -> str:
        """Store a decision and return its id."""
        ...


class MessageLog(Protocol):
    """The messages for users, without details for operators only."""

    def record(self, message: Message, message_id: str | None = None) -> None:
        """Store a message; harmless if the id is known. None: a new id."""
        ...
