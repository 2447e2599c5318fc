"""What the engine and the flows need from the world, each named for the need."""

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
    """Tells the time."""

    def __call__(self) -> datetime:
        """Now, in UTC, naive."""
        ...


class PoolSource(Protocol):
    """The pools that requests are placed on."""

    def table(self) -> PoolTable: ...

    def set_aside(self) -> tuple[tuple[str, str], ...]:
        """Pools and backends that take no part, each with the reason."""
        ...

    def claimed(self, claim: Claim) -> None:
        """A claim succeeded: the next table shows it."""
        ...

    def released(self, key: str) -> None:
        """A claim was given back: the next table shows it."""
        ...

    def refresh(self, pool_id: str) -> None:
        """Look at this pool anew: somebody else changed it."""
        ...

    def renew(self) -> bool:
        """Look at all pools anew, before a request is refused; False where nothing can have changed unseen."""
        ...

    def report(self, report: CapabilityReport) -> None:
        """Take in a capability report; what cannot be used is set aside with its reason, nothing is raised."""
        ...

    def backup_host(self, volume: Mapping[str, Any] | None, zone: str | None, driver: str | None) -> str:
        """A host for a backup. Raises ServiceNotFound."""
        ...


class ClaimStore(Protocol):
    """Room in pools, taken and given back atomically."""

    def claim(self, placement: Placement) -> Claim:
        """Take the room and write all that goes with it, or nothing.

        Doing it again with the same key and pool is harmless and returns the claim made before. Raises ClaimConflict
        where the pool has not the room (any more), LeaseLost where the fence is gone.
        """
        ...

    def release(self, key: str) -> None:
        """Give the room back; harmless where there is no such claim."""
        ...


class VolumeStore(Protocol):
    """Volumes as rows: what the flows and the scheduler drivers need of them. `db` in the flows' constructors."""

    def get(self, volume_id: str) -> Volume:
        """Raises VolumeNotFound."""
        ...

    def create(self, volume: Volume, work: Sequence[WorkRequest] = ()) -> Volume:
        """A new row, and the work that goes with it, in one transaction."""
        ...

    def update(self, volume_id: str, changes: Mapping[str, Any]) -> Volume:
        """Raises VolumeNotFound."""
        ...

    def set_status(
        self, volume_id: str, status: VolumeStatus, *, only_from: Iterable[VolumeStatus] | None = None
    ) -> bool:
        """True where the status was changed; False where the row is gone or was in another status."""
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
        """Move to a status that stands for work in progress, and queue that work, in one transaction.

        Raises VolumeNotFound, and InvalidRequest naming the status where the volume is in none of `only_from`, or,
        `without_snapshots`, where it has any.
        """
        ...

    def remove(self, volume_id: str, events: Sequence[Event] = ()) -> None:
        """Remove the row, and keep what is told of it, in one transaction; harmless where it is gone."""
        ...


class QuotaStore(Protocol):
    """Limits of projects. Usage is counted from the volumes' rows, so that it cannot drift."""

    def reserve(self, project_id: str, *, volumes: int, gigabytes: int, volume_type_id: str | None = None) -> str:
        """A reservation's id; it expires by itself. Raises QuotaExceeded."""
        ...

    def commit(self, reservation: str) -> None:
        """The rows now say it themselves; harmless where the reservation is gone."""
        ...

    def cancel(self, reservation: str) -> None:
        """Harmless where the reservation is gone."""
        ...


class FactSource(Protocol):
    """What plugins need to know beyond the request; each is one query."""

    def backends_of(self, volume_ids: Sequence[str], project_id: str | None) -> Mapping[str, str]:
        """Volume id -> host or cluster pool id, of the undeleted volumes that the project may see (None: all)."""
        ...

    def volume_counts(self) -> Mapping[str, int]:
        """Host of volumes, as their rows have it (host@backend#pool) -> number of undeleted ones, of all projects."""
        ...

    def instance_host(self, instance_id: str) -> str:
        """The hypervisor host of a compute instance. Raises InvalidRequest naming the hint where it cannot be told."""
        ...


class TypeStore(Protocol):
    """The volume types that an operator offers."""

    def find(self, name_or_id: str) -> VolumeType:
        """Raises VolumeTypeNotFound."""
        ...


class WorkStore(Protocol):
    """Work rows, taken under leases."""

    def add(self, work: WorkRequest) -> None:
        """Queue work; the same id again is harmless."""
        ...

    def take(
        self, queues: Sequence[str], owner: str, lease_seconds: float, starting: Starting | None = None
    ) -> WorkItem | None:
        """The oldest piece of work that is queued, or whose lease expired, now under a lease of this owner.

        The events that `starting` gives are kept for delivery in the same transaction.
        """
        ...

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        """Raises LeaseLost."""
        ...

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """End the work, with all that becomes true by it, in one transaction. Raises LeaseLost."""
        ...


class VolumeCaster(Protocol):
    """Hands placed work over; a lost cast only delays, for the work is in the database."""

    def wake(self, queue: str) -> None:
        """Tell whoever serves `queue` that there is work. Never raises, never blocks for long."""
        ...


class EventSink(Protocol):
    """Takes events for delivery; returns at once."""

    def emit(self, event: Event) -> None: ...


class FailureLog(Protocol):
    """Where a request that could not be served is written down, in one transaction."""

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
        """The volume's new status, what every notifier will be told, what the user reads, what the operator reads.

        The same event id again is harmless: nothing is written twice. Raises LeaseLost where the fence is gone.
        """
        ...


class OutboxStore(Protocol):
    """Events that wait for delivery, tracked for each notifier by its configured name."""

    def expect(self, notifiers: Iterable[str]) -> None:
        """These notifiers are to get every event: none is done with before each of them got it, or gave it up.

        Said before the first `due`, and again within every hour: who is not expected for long is taken for removed.
        """
        ...

    def due(self, notifier: str, *, owner: str, limit: int, lease_seconds: float) -> Sequence[DueEvent]:
        """What is to be delivered to this notifier now, oldest first, and held for this owner until the lease ends.

        Of one volume only events before which nothing is held back: while one waits for its next try, or is held by
        another owner, the later ones of the same volume wait too. An event that was parked holds nothing back. What
        this same owner holds already is given again.
        """
        ...

    def delivered(self, notifier: str, *event_ids: str) -> None:
        """The notifier took them, or is not to be told; harmless where that is known."""
        ...

    def failed(self, notifier: str, event_id: str, problem: str, *, retry_at: datetime | None) -> None:
        """It did not; count the try. To be tried again from `retry_at` on; None: parked, not tried again."""
        ...

    def purge(self, *, before: datetime) -> int:
        """Forget events that everybody got, or that nobody came for, since before; returns how many."""
        ...


class DecisionLog(Protocol):
    """Keeps the decisions that led to no claim (the others are written with the claim)."""

    def record(self, volume_id: str | None, decision: Mapping[str, Any]) -> str:
        """Returns the decision's id."""
        ...


class MessageLog(Protocol):
    """Messages that a user reads about the own volume; free of operators' detail."""

    def record(self, message: Message, message_id: str | None = None) -> None:
        """Write a message down; the same id again is harmless. None: a new one."""
        ...
