"""What an operation of the scheduler is: asks the driver, claims the room, and leaves the rest to an agent."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

from volsched.exceptions import VolumeNotFound
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Outcome, WorkItem, WorkRequest, pool_work
from volsched.scheduler.checked_driver import CheckedDriver
from volsched.scheduler.outcomes import OutcomeRecorder


class Operation(abc.ABC):
    """One operation of the scheduler. Everything in it may be done again, after a process died in it."""

    def __init__(self, driver: CheckedDriver, recorder: OutcomeRecorder) -> None:
        self.driver = driver
        self.recorder = recorder

    @abc.abstractmethod
    def run(self, work: WorkItem) -> None:
        """Answer the work, and end it. Raises the refusal, or what went wrong; `fail` ends the work then."""

    @abc.abstractmethod
    def fail(self, work: WorkItem, problem: BaseException) -> None:
        """End the work with a refusal."""

    def volume(self, work: WorkItem) -> Volume | None:
        """Return the volume as its row is now; None where it is gone."""
        try:
            return self.recorder.resources.volumes.get(work.volume_id or "")
        except VolumeNotFound:
            return None


class VolumeOperation(Operation):
    """An operation on a volume that exists: the driver decides, the room is claimed, an agent does the rest."""

    #: The status in which the volume waits; in any other, an earlier holder of the work got this far.
    waits_in: ClassVar[VolumeStatus]
    #: The status after a refusal; None: the volume's row is removed.
    refused_to: ClassVar[VolumeStatus | None] = VolumeStatus.AVAILABLE

    def run(self, work: WorkItem) -> None:
        volume = self.volume(work)
        if volume is None or not self.is_waiting(volume):
            self.recorder.end(work, cancel=work.payload.get("reservation"))
            return
        decision = self.recorder.claim_best(
            lambda: self.decide(work, volume), lambda decision, pool: self.place(work, volume, decision, pool)
        )
        self.claimed(work, volume, decision)

    def fail(self, work: WorkItem, problem: BaseException) -> None:
        volume = self.volume(work)
        if volume is None:
            self.recorder.end(work, problem, cancel=work.payload.get("reservation"))
            return
        wanted = work.payload.get("backend") or volume.host
        self.recorder.refuse(work, volume, problem, self.refused(work), wanted=str(wanted))

    def is_waiting(self, volume: Volume) -> bool:
        """Return whether the volume still waits for this operation."""
        return volume.status is self.waits_in and volume.host is not None

    @abc.abstractmethod
    def decide(self, work: WorkItem, volume: Volume) -> Decision:
        """Ask the driver."""

    @abc.abstractmethod
    def place(self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState) -> Placement | None:
        """Return what becomes true with the claim; None where nothing has to be claimed."""

    def claimed(self, work: WorkItem, volume: Volume, decision: Decision) -> None:
        """Do what remains once the room is claimed."""

    def refused(self, work: WorkItem) -> Outcome:
        """Return what a refusal changes."""
        if self.refused_to is None:
            return Outcome(remove_volume=True)
        return Outcome(volume_changes={"status": self.refused_to})

    # -- what they share -----------------------------------------------------------------------------------------

    def passes(self, work: WorkItem, backend: str, operation: str) -> Decision:
        """Ask the driver whether a pool, or a pool of a backend, fits; `operation` as request specs spell it."""
        payload = work.payload
        spec = {**payload["request_spec"], "operation": operation}
        return self.driver.backend_passes_filters(payload["context"], backend, spec, payload["filter_properties"])

    def same_in_pool(
        self, work: WorkItem, volume: Volume, decision: Decision, pool: PoolState, key: str, size_gb: float
    ) -> Placement:
        """Return the claim of room in the pool, after which the pool's agent does the same operation there."""
        changes = {"host": pool.pool_id, "cluster_name": pool.cluster_pool_id, "availability_zone": pool.zone}
        kept = {name: value for name, value in work.payload.items() if name not in ("context", "filter_properties")}
        payload = {
            **kept,
            "volume": {**volume.plain(), **changes},
            "claim_key": key,
            "ref": work.payload["request_spec"].get("ref"),
        }
        agent_work = pool_work(work.operation, agent_work_id(work), volume.id, pool.pool_id, payload)
        return self.claim_in(work, volume, decision, pool, key, size_gb, agent_work, changes)

    def claim_in(
        self,
        work: WorkItem,
        volume: Volume,
        decision: Decision,
        pool: PoolState,
        key: str,
        size_gb: float,
        agent_work: WorkRequest,
        changes: Mapping[str, Any] | None = None,
    ) -> Placement:
        """Return the claim of room in the pool, with the agent's work and the end of this work."""
        now = self.recorder.resources.clock()
        claim = Claim(key=key, volume_id=volume.id, pool_id=pool.pool_id, size_gb=size_gb, made_at=now)
        return self.recorder.placement(work, decision, claim, agent_work, changes or {})


def agent_work_id(work: WorkItem) -> str:
    """Return the id of the agent's work that follows from this one."""
    return derived_id("work", work.id, "agent")
