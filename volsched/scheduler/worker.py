"""The scheduler's end of the queue: take a request under a lease, run its flow, make the outcome durable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from volsched.db.leases import held
from volsched.exceptions import DatabaseUnavailable, LeaseLost, VolschedError
from volsched.flows import create_volume
from volsched.model.claim import Claim
from volsched.model.decision import Decision
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.ports import Clock, VolumeCaster, WorkStore
from volsched.model.request import Operation
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import SCHEDULER_QUEUE, Outcome, WorkItem, WorkRequest, WorkState, agent_queue
from volsched.placement.scheduler import PlacingScheduler
from volsched.scheduler import groups, moves, snapshots
from volsched.scheduler.outcomes import OutcomeRecorder

LOG = logging.getLogger(__name__)


class SchedulerService:
    """Serves the scheduler's queue. Safe to run in any number of processes: each request is under one lease."""

    def __init__(
        self,
        *,
        driver: PlacingScheduler,
        work: WorkStore,
        caster: VolumeCaster,
        clock: Clock,
        owner: str,
        lease_seconds: float,
    ) -> None:
        self._driver = driver
        self._creation = create_volume.Creation(driver)
        self._work = work
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._answers = answers = OutcomeRecorder(driver=driver, work=work, caster=caster, clock=clock)
        self._operations: Mapping[str, Callable[[WorkItem], None]] = {
            "create": self._create,
            "extend": self._extend,
            "manage": self._manage,
            "retype": partial(moves.retype, answers),
            "migrate": partial(moves.migrate, answers),
            "snapshot": partial(snapshots.snapshot, answers),
            "group": partial(groups.create_group, answers),
        }

    def work_once(self) -> bool:
        """Take one request and end it. False where there was none."""
        work = self._work.take([SCHEDULER_QUEUE], self._owner, self._lease_seconds, self._answers.starting)
        if work is None:
            return False
        operation = self._operations.get(work.operation)
        try:
            with held(self._work, work.lease, self._lease_seconds):
                if operation is None:
                    self._work.finish(work.lease, Outcome(state=WorkState.FAILED, problem="unknown operation"))
                else:
                    operation(work)
        except LeaseLost as lost:
            LOG.warning("%s; whoever took it over ends it", lost)
        return True

    # -- operations ----------------------------------------------------------------------------------------------

    def _create(self, work: WorkItem) -> None:
        """Run the create_volume flow. The claim's own transaction ends the work; a failure ends it here."""
        payload = work.payload
        volume = self._answers.current(work)
        if volume is None or volume.status is not VolumeStatus.CREATING or volume.host is not None:
            self._answers.end(work)  # an earlier holder got this far
            return
        try:
            self._creation.run(
                payload["context"],
                request_spec=payload["request_spec"],
                filter_properties={**payload["filter_properties"], "lease": work.lease.plain()},
                volume=volume,
                snapshot_id=volume.snapshot_id,
                image_id=volume.image_id,
                backup_id=volume.backup_id,
            )
        except (LeaseLost, DatabaseUnavailable):
            raise
        except VolschedError as problem:  # the flow has written it down
            self._answers.end(work, problem)
            return
        placed = self._answers.current(work)
        if placed is not None and placed.host is not None:
            self._answers.wake(placed.host)
        self._answers.end(work)

    def _extend(self, work: WorkItem) -> None:
        """Check that the volume's own pool has room for the growth, claim it, hand it to the agent."""
        payload = work.payload
        volume = self._answers.current(work)
        if volume is None or volume.status is not VolumeStatus.EXTENDING or volume.host is None:
            self._answers.end(work, cancel=payload.get("reservation"))
            return
        where, growth = volume.host, payload["new_size_gb"] - volume.size_gb

        def decide() -> Decision:
            return self._driver.judge(
                payload["context"], where, payload["request_spec"], payload["filter_properties"], Operation.EXTEND
            )

        def claim(decision: Decision, pool: PoolState) -> None:
            self._claim(work, decision, pool, volume, f"{volume.id}/extend-{payload['new_size_gb']}", growth)

        with self._answers.refusing(work, volume, VolumeStatus.AVAILABLE):
            self._answers.place(decide, claim)

    def _manage(self, work: WorkItem) -> None:
        """Check that the backend passes the filters, write the pool into the row, hand it to the agent."""
        payload = work.payload
        volume = self._answers.current(work)
        if volume is None or volume.status is not VolumeStatus.MANAGING:
            self._answers.end(work)
            return

        def decide() -> Decision:
            return self._driver.judge(
                payload["context"],
                payload["backend"],
                payload["request_spec"],
                payload["filter_properties"],
                Operation.MANAGE,
            )

        def claim(decision: Decision, pool: PoolState) -> None:
            self._claim(work, decision, pool, volume, volume.id, 0)

        with self._answers.refusing(work, volume, None):
            self._answers.place(decide, claim)

    def _claim(
        self, work: WorkItem, decision: Decision, pool: PoolState, volume: Volume, key: str, size_gb: float
    ) -> None:
        """Take the room, write the pool into the volume's row, and let the agent do the same operation there."""
        claim = Claim(
            key=key, volume_id=volume.id, pool_id=pool.pool_id, size_gb=size_gb, made_at=self._answers.clock()
        )
        changes = {"host": pool.pool_id, "cluster_name": pool.cluster_pool_id, "availability_zone": pool.zone}
        payload = {name: value for name, value in work.payload.items() if name not in ("context", "filter_properties")}
        handed_over = WorkRequest(
            id=derived_id("work", work.id, "agent"),
            queue=agent_queue(pool.backend_id),
            operation=work.operation,
            volume_id=volume.id,
            payload={
                **payload,
                "volume": {**volume.plain(), **changes},
                "pool_id": pool.pool_id,
                "claim_key": key,
                "ref": work.payload["request_spec"].get("ref"),
            },
        )
        self._answers.claim(work, decision, volume, claim, handed_over, changes)
