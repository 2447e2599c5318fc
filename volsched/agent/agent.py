"""The volume agent: measures storage backends, reports their pools, and does the work of their queues."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from volsched.agent.context import OperationContext
from volsched.agent.operations import OPERATIONS, obsolete, outcome_of
from volsched.db.leases import held
from volsched.db.storage import SEE_AGAIN_SECONDS, StorageRecord
from volsched.exceptions import DatabaseUnavailable, LeaseLost, VolumeNotFound
from volsched.model.parsing import ParsedReport, pools_from
from volsched.model.ports import Clock, EventSink, VolumeCaster, VolumeStore, WorkStore
from volsched.model.report import CapabilityReport, ServiceState, StoredVolume
from volsched.model.volume import Volume
from volsched.model.work import Outcome, WorkItem, WorkState, agent_queue
from volsched.plugins import StorageBackend

LOG = logging.getLogger(__name__)


class ReportSink(Protocol):
    """Where capability reports are stored, and every scheduler reads them: the database."""

    def record(
        self, report: CapabilityReport, parsed: ParsedReport, *, zone: str | None = None, begun: float | None = None
    ) -> bool: ...

    def heartbeat(self, host: str, *, cluster_name: str | None = None, zone: str | None = None) -> None: ...


class PoolStorage(Protocol):
    """Where the ids of the pools' storage are stored, and what backends hold: the database."""

    def records(self, backend_id: str) -> Mapping[str, StorageRecord]: ...

    def seen(self, backend_id: str, found: Mapping[str, str], owner: str) -> Mapping[str, StorageRecord]: ...

    def inventory_begun(self, backend_id: str) -> datetime | None: ...

    def store_inventory(self, backend_id: str, volumes: Iterable[StoredVolume], begun: datetime) -> None: ...


class Agent:
    """Serves the queues of its backends, each `host@name`.

    Any number of agents may serve one queue (a cluster, or a second process started by mistake): a work item is under
    one lease, and another agent takes it only when that has ended.
    """

    def __init__(
        self,
        *,
        host: str,
        backends: Mapping[str, StorageBackend],
        work: WorkStore,
        volumes: VolumeStore,
        reports: ReportSink,
        storage: PoolStorage,
        zones: Mapping[str, str | None] = MappingProxyType({}),
        default_ratio: str = "20.0",
        events: EventSink,
        caster: VolumeCaster,
        clock: Clock,
        owner: str,
        lease_seconds: float = 60.0,
        cluster: str | None = None,
        inventory_seconds: float = 300.0,
    ) -> None:
        self._host = host
        self._cluster = cluster
        self._backends = {f"{cluster or host}@{name}": (name, backend) for name, backend in backends.items()}
        self._work = work
        self._volumes = volumes
        self._reports = reports
        self._storage = storage
        self._inventory_seconds = inventory_seconds
        self._inventories: dict[str, datetime | None] = {}  # when the last one was begun, as far as is known
        self._identified: dict[str, str | None] = {}  # backend id -> why it is not served
        self._zones = zones
        self._default_ratio = default_ratio
        self._events = events
        self._caster = caster
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._problems: tuple[tuple[str, str], ...] = ()

    @property
    def backend_ids(self) -> tuple[str, ...]:
        """The ids of its backends, each `host@name` or `cluster@name`."""
        return tuple(self._backends)

    @property
    def queues(self) -> tuple[str, ...]:
        """Its queues, one for each backend."""
        return tuple(map(agent_queue, self._backends))

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """(backend_id, why) of each backend whose last report failed."""
        return self._problems

    # -- reports -----------------------------------------------------------------------------------------------------

    def report_all(self) -> tuple[tuple[str, str], ...]:
        """Report every backend; return (backend_id, why) of those that could not. Raises DatabaseUnavailable.

        Each costs one transaction, which is the heartbeat of its service as well.
        """
        problems = []
        for backend_id, (name, backend) in self._backends.items():
            host = f"{self._host}@{name}"
            cluster = f"{self._cluster}@{name}" if self._cluster else None
            zone = self._zones.get(name)
            # Before measuring: what is made meanwhile may or may not be counted, so the report must not cover it.
            begun = time.monotonic()
            try:
                why = self._identify(backend_id)
                if why is not None:
                    problems.append((backend_id, why))
                    continue  # without a heartbeat: another agent may serve the backend
                report = _report_of(name, backend, host, cluster)
            except DatabaseUnavailable:
                raise
            except Exception as problem:  # noqa: BLE001 - a plugin: the other backends report all the same
                problems.append((backend_id, str(problem) or repr(problem)))
                self._reports.heartbeat(host, cluster_name=cluster, zone=zone)
                continue
            service = ServiceState(host=host, cluster_name=cluster, zone=zone)
            parsed = pools_from(report, service, self._default_ratio)
            self._reports.record(report, parsed, zone=zone, begun=begun)
            self._inventory(backend_id, self._inventory_seconds)
        self._log_changes(tuple(problems))
        return self._problems

    def _identify(self, backend_id: str) -> str | None:
        """Compare the storage of a backend with the ids in the database; return why it is not served, or None."""
        known = self._storage.records(backend_id)
        found = self._backends[backend_id][1].identify({pool: record.storage_id for pool, record in known.items()})
        marked = {pool: storage_id for pool, storage_id in found.items() if storage_id}
        if any(pool not in known or _is_due(known[pool], self._owner) for pool in marked):
            known = self._storage.seen(backend_id, marked, self._owner)
        wrong = [
            f"pool {backend_id}#{pool}: expected the storage {known[pool].storage_id}, got {storage_id or 'none'}"
            for pool, storage_id in found.items()
            if pool in known and self._is_wrong(known[pool], storage_id)
        ]
        fix = (
            "another machine serves a backend of this name, or another disk is mounted; give this machine a [agent] "
            "host of its own, mount the pool's disk, or accept the one that is there: volsched pool adopt POOL"
        )
        self._identified[backend_id] = f"{'; '.join(wrong)}; {fix}" if wrong else None
        return self._identified[backend_id]

    def _is_wrong(self, record: StorageRecord, found: str | None) -> bool:
        """Whether the storage is another pool's, or is missing here while another process uses it."""
        if found is None:
            return bool(record.storage_id) and record.is_used_by_another(self._owner)
        return found != record.storage_id

    def store_inventories(self) -> None:
        """Store what every backend holds now."""
        for backend_id in self._backends:
            if self._is_served(backend_id):
                self._inventory(backend_id, 0.0)

    def _inventory(self, backend_id: str, seconds: float) -> None:
        """Store what a backend holds, unless the last complete inventory is younger than `seconds`."""
        now = self._clock()
        if _is_recent(self._inventories.get(backend_id), now, seconds):
            return
        begun = self._inventories[backend_id] = self._storage.inventory_begun(backend_id)
        if _is_recent(begun, now, seconds):
            return
        try:
            self._storage.store_inventory(backend_id, self._backends[backend_id][1].list_volumes(), now)
            self._inventories[backend_id] = now
        except DatabaseUnavailable:
            raise
        except Exception as problem:  # noqa: BLE001 - a plugin, or another agent of the cluster that does the same
            LOG.warning("backend %s: its volumes could not be listed: %s", backend_id, problem)

    def _is_served(self, backend_id: str) -> bool:
        if backend_id not in self._identified:
            why = self._identify(backend_id)
            if why is not None:
                LOG.error("backend %s is not served: %s", backend_id, why)
        return self._identified[backend_id] is None

    def _log_changes(self, problems: tuple[tuple[str, str], ...]) -> None:
        """Log a problem when it begins and when it ends, and not at every report between."""
        before, self._problems = self._problems, problems
        for backend_id, why in problems:
            if (backend_id, why) not in before:
                LOG.error("backend %s cannot report, and its pools are as last reported: %s", backend_id, why)
        for backend_id in {backend_id for backend_id, _ in before}.difference(dict(problems)):
            LOG.info("backend %s reports again", backend_id)

    # -- work --------------------------------------------------------------------------------------------------------

    def work_once(self) -> bool:
        """Take one work item and end it; return False if there was none."""
        queues = [agent_queue(backend_id) for backend_id in self._backends if self._is_served(backend_id)]
        work = self._work.take(queues, self._owner, self._lease_seconds)
        if work is None:
            return False
        try:
            with held(self._work, work.lease, self._lease_seconds) as lost:
                outcome = self._carry_out(work)
                if lost.is_set():
                    LOG.warning("work %s: done, but its lease is lost; the process that took it over ends it", work.id)
                    return True
                self._end(work, outcome, lost)
        except LeaseLost as problem:
            LOG.warning("%s; the process that took it over ends it", problem)
            return True
        for queue in {request.queue for request in outcome.follow_up}:
            self._caster.wake(queue)
        return True

    def _end(self, work: WorkItem, outcome: Outcome, lost: threading.Event) -> None:
        """Store the outcome. While the database is not available, try again for as long as the lease lasts."""
        deadline = time.monotonic() + self._lease_seconds
        while True:
            try:
                return self._work.finish(work.lease, outcome)
            except DatabaseUnavailable as problem:
                LOG.warning("work %s is done, but its outcome cannot be stored yet: %s", work.id, problem)
                if time.monotonic() > deadline or lost.wait(min(1.0, self._lease_seconds / 10)):
                    raise

    def _carry_out(self, work: WorkItem) -> Outcome:
        volume = self._current(work)
        why = obsolete(work, volume)
        if volume is None or why is not None:
            LOG.info("work %s (%s of volume %s) is obsolete: %s", work.id, work.operation, work.volume_id, why)
            return Outcome(state=WorkState.DONE, problem=why, cancel_reservation=work.payload.get("reservation"))
        backend_id = work.queue.removeprefix(agent_queue(""))
        context = OperationContext(
            work=work,
            volume=volume,
            backend_id=backend_id,
            backend=self._backends[backend_id][1],
            clock=self._clock,
            publisher=f"agent.{self._host}",
            check=lambda: self._work.renew(work.lease, self._lease_seconds),
        )
        operation = OPERATIONS.get(work.operation)
        if operation is not None and operation.start_event:
            self._events.emit(context.event("start"))
        return outcome_of(context)

    def _current(self, work: WorkItem) -> Volume | None:
        try:
            return self._volumes.get(work.volume_id or "")
        except VolumeNotFound:
            return None


def _is_recent(begun: datetime | None, now: datetime, seconds: float) -> bool:
    return begun is not None and 0.0 <= (now - begun).total_seconds() < seconds


def _is_due(record: StorageRecord, owner: str) -> bool:
    """Whether to store that this process sees the storage."""
    return not record.storage_id or record.seen_by != owner or record.age_seconds > SEE_AGAIN_SECONDS


def _report_of(name: str, backend: StorageBackend, host: str, cluster: str | None) -> CapabilityReport:
    """Measure a backend. The time stamp is of this host's clock; the database replaces it by its own."""
    capabilities = backend.report()
    if not isinstance(capabilities, Mapping):
        raise TypeError(f"report: expected a mapping, got {type(capabilities).__name__}")
    return CapabilityReport(
        service_name="volume",
        host=host,
        cluster_name=cluster,
        capabilities={"volume_backend_name": name, **capabilities},
        timestamp=datetime.now(UTC).replace(tzinfo=None),
    )
