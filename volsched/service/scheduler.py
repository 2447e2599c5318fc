"""The scheduler's end of the queue: take a request under a lease, run its flow, make the outcome durable."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from volsched.domain.claim import Claim, Placement
from volsched.domain.decision import Decision
from volsched.domain.events import Event, Priority
from volsched.domain.identity import derived_id
from volsched.domain.ports import Clock, VolumeCaster, WorkStore
from volsched.domain.request import Operation
from volsched.domain.volume import Volume, VolumeStatus
from volsched.domain.work import SCHEDULER_QUEUE, Message, Outcome, Work, WorkRequest, WorkState, agent_queue
from volsched.engine.scheduling import PlacingScheduler
from volsched.exceptions import (
    ClaimConflict,
    DatabaseUnavailable,
    InvalidRequest,
    LeaseLost,
    NoValidBackend,
    VolschedError,
    VolumeNotFound,
)
from volsched.flows import create_volume
from volsched.service.leasing import held

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
        self._work = work
        self._caster = caster
        self._clock = clock
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._operations: Mapping[str, Callable[[Work], None]] = {
            "create": self._create,
            "extend": self._extend,
            "manage": self._manage,
        }

    def run(self, stop: threading.Event, wait: Callable[[], object]) -> None:
        """Work until `stop` is set; `wait` blocks until there may be more."""
        while not stop.is_set():
            if not self.work_once():
                wait()

    def work_once(self) -> bool:
        """Take one request and end it. False where there was none."""
        work = self._work.take([SCHEDULER_QUEUE], self._owner, self._lease_seconds)
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

    def _create(self, work: Work) -> None:
        """Run the create_volume flow. The claim's own transaction ends the work; a failure ends it here."""
        payload = work.payload
        volume = self._current(work)
        if volume is None or volume.status is not VolumeStatus.CREATING or volume.host is not None:
            self._end(work)  # an earlier holder got this far
            return
        flow = create_volume.get_flow(
            payload["context"],
            self._driver,
            request_spec=payload["request_spec"],
            filter_properties={**payload["filter_properties"], "lease": work.lease.plain()},
            volume=volume,
            snapshot_id=volume.snapshot_id,
            image_id=volume.image_id,
            backup_id=volume.backup_id,
        )
        try:
            flow.run()
        except (LeaseLost, DatabaseUnavailable):
            raise
        except VolschedError as problem:  # the flow has written it down
            self._end(work, problem)
            return
        placed = self._current(work)
        if placed is not None and placed.host is not None:
            self._caster.wake(agent_queue(_backend_of(placed)))
        self._end(work)

    def _extend(self, work: Work) -> None:
        """Check that the volume's own pool has room for the growth, claim it, hand it to the agent."""
        payload = work.payload
        volume = self._current(work)
        if volume is None or volume.status is not VolumeStatus.EXTENDING or volume.host is None:
            self._end(work, cancel=payload.get("reservation"))
            return
        try:
            decision = self._driver.judge(
                payload["context"], volume.host, payload["request_spec"], payload["filter_properties"], Operation.EXTEND
            )
            growth = payload["new_size_gb"] - volume.size_gb
            self._claim(work, decision, volume, f"{volume.id}/extend-{payload['new_size_gb']}", growth)
        except (NoValidBackend, ClaimConflict, InvalidRequest) as refusal:
            self._refuse(work, volume, refusal, VolumeStatus.AVAILABLE)

    def _manage(self, work: Work) -> None:
        """Check that the backend passes the filters, write the pool into the row, hand it to the agent."""
        payload = work.payload
        volume = self._current(work)
        if volume is None or volume.status is not VolumeStatus.MANAGING:
            self._end(work)
            return
        try:
            decision = self._driver.judge(
                payload["context"],
                payload["backend"],
                payload["request_spec"],
                payload["filter_properties"],
                Operation.MANAGE,
            )
            self._claim(work, decision, volume, volume.id, 0)
        except (NoValidBackend, ClaimConflict, InvalidRequest) as refusal:
            self._refuse(work, volume, refusal, None)

    # -- steps ---------------------------------------------------------------------------------------------------

    def _current(self, work: Work) -> Volume | None:
        try:
            return self._driver.world.volumes.get(work.volume_id or "")
        except VolumeNotFound:
            return None

    def _claim(self, work: Work, decision: Decision, volume: Volume, key: str, size_gb: float) -> None:
        """Take the room in the chosen pool and queue the agent's work, in the transaction that ends this work."""
        pool = decision.chosen
        if pool is None:
            raise NoValidBackend("nothing was chosen", decision)
        now = self._clock()
        claim = Claim(key=key, volume_id=volume.id, pool_id=pool.pool_id, size_gb=size_gb, made_at=now)
        changes = {
            "host": pool.pool_id,
            "cluster_name": pool.pool_id if pool.cluster_name else None,
            "availability_zone": pool.zone,
        }
        payload = {name: value for name, value in work.payload.items() if name not in ("context", "filter_properties")}
        placement = Placement(
            claim=claim,
            thin=decision.request.thin,
            volume_changes=changes,
            decision=partial(decision.plain, most=self._driver.world.decision_detail),
            decision_id=derived_id("decision", work.id, work.lease.attempt),
            events=(self._event(work, volume, f"scheduler.{work.operation}_volume.end", {"pool": pool.pool_id}),),
            work=(
                WorkRequest(
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
                ),
            ),
            fence=work.lease,
        )
        self._driver.world.pools.claimed(self._driver.world.claims.claim(placement))
        self._caster.wake(agent_queue(pool.backend_id))

    def _refuse(self, work: Work, volume: Volume, refusal: VolschedError, back_to: VolumeStatus | None) -> None:
        """The answer is no: tell everybody, and put the volume back (or remove its row, where `back_to` is None)."""
        LOG.error("volume %s: %s refused: %s", volume.id, work.operation, refusal)
        decision = getattr(refusal, "decision", None)
        if decision is not None:
            self._driver.world.decisions.record(volume.id, decision.plain(most=self._driver.world.decision_detail))
        told = decision.told() if decision is not None else str(refusal)
        self._work.finish(
            work.lease,
            Outcome(
                state=WorkState.FAILED,
                problem=str(refusal),
                volume_id=volume.id,
                volume_changes={"status": back_to} if back_to is not None else {},
                remove_volume=back_to is None,
                events=(
                    self._event(
                        work,
                        volume,
                        f"scheduler.{work.operation}_volume",
                        {
                            "error": type(refusal).__name__,
                            "reason": str(refusal),
                            "request_spec": work.payload["request_spec"],
                        },
                        Priority.ERROR,
                    ),
                ),
                message=Message(
                    volume_id=volume.id, project_id=volume.project_id, code=create_volume.NO_POOL, text=told
                ),
                cancel_reservation=work.payload.get("reservation"),
            ),
        )

    def _end(self, work: Work, problem: VolschedError | None = None, cancel: str | None = None) -> None:
        """End work that has nothing more to make durable; harmless where its claim ended it."""
        outcome = Outcome(cancel_reservation=cancel)
        if problem is not None:
            outcome = replace(outcome, state=WorkState.FAILED, problem=str(problem))
        try:
            self._work.finish(work.lease, outcome)
        except LeaseLost:
            LOG.debug("work %s was ended with its claim", work.id)

    def _event(
        self,
        work: Work,
        volume: Volume,
        event_type: str,
        payload: Mapping[str, Any],
        priority: Priority = Priority.INFO,
    ) -> Event:
        return Event(
            id=derived_id("event", work.id, event_type),
            event_type=event_type,
            priority=priority,
            occurred_at=self._clock().isoformat(),
            publisher=self._driver.world.publisher,
            volume_id=volume.id,
            project_id=volume.project_id,
            payload={"volume_id": volume.id, **payload},
        )


def _backend_of(volume: Volume) -> str:
    return (volume.host or "").split("#", 1)[0]
