"""How the scheduler's answers become durable: a claim with the agent's work, a refusal, or the mere end of the work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import (
    ClaimConflict,
    DatabaseUnavailable,
    LeaseLost,
    NoValidBackend,
    VolschedError,
    VolumeNotFound,
)
from volsched.flows import create_volume
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.ports import Clock, VolumeCaster, WorkStore
from volsched.model.refusal_messages import tenant_message_of_step, told
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import Message, Outcome, RowChange, WorkItem, WorkRequest, WorkState, agent_queue
from volsched.placement.scheduler import PlacingScheduler
from volsched.scheduler import events

LOG = logging.getLogger(__name__)


class OutcomeRecorder:
    """What every operation of the scheduler ends with."""

    def __init__(self, *, driver: PlacingScheduler, work: WorkStore, caster: VolumeCaster, clock: Clock) -> None:
        self.driver = driver
        self.clock = clock
        self._work = work
        self._caster = caster

    def current(self, work: WorkItem) -> Volume | None:
        """The volume as its row is now; None where it is gone."""
        try:
            return self.driver.resources.volumes.get(work.volume_id or "")
        except VolumeNotFound:
            return None

    def starting(self, work: WorkItem) -> tuple[Event, ...]:
        """What is told when work is taken."""
        return events.starting(self.driver.resources, work)

    # -- yes -----------------------------------------------------------------------------------------------------

    def place(self, decide: Callable[[], Decision], claim: Callable[[Decision, PoolState], None]) -> None:
        """Claim what `decide` chose; where the race for it is lost, decide again on fresh figures.

        Figures are also fresh before the answer is no. Raises NoValidBackend.
        """
        resources = self.driver.resources
        renewed = False
        for _ in range(resources.claim_attempts):
            try:
                decision = decide()
            except NoValidBackend:
                if renewed or not resources.pools.renew():
                    raise
                renewed = True
                decision = decide()
            if decision.chosen is None:
                raise NoValidBackend("nothing was chosen", decision)
            try:
                return claim(decision, decision.chosen)
            except ClaimConflict as lost:
                resources.pools.refresh(lost.pool_id)
        raise NoValidBackend(f"{resources.claim_attempts} claims in a row lost their race; try again", decision)

    def claim(
        self,
        work: WorkItem,
        decision: Decision,
        volume: Volume,
        claim: Claim,
        agent_work: WorkRequest,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the room and queue the agent's work, in the transaction that ends this work. Raises ClaimConflict."""
        resources = self.driver.resources
        end = events.ended(resources, work, decision, {"pool": claim.pool_id, "size_gb": claim.size_gb})
        placement = Placement(
            claim=claim,
            thin=decision.request.thin,
            volume_changes=changes or {},
            decision=partial(decision.plain, most=resources.decision_detail),
            decision_id=partial(derived_id, "decision", work.id, work.lease.attempt),
            events=(end, *self.driver.further_events(decision, end)),
            work=(agent_work,),
            fence=work.lease,
        )
        resources.pools.claimed(resources.claims.claim(placement))
        self._caster.wake(agent_work.queue)

    def finish(self, work: WorkItem, outcome: Outcome, decision: Decision, payload: Mapping[str, Any]) -> None:
        """What needs no room: the decision is kept, and all else becomes true with the end of the work.

        `payload` is what is told of it.
        """
        end = events.ended(self.driver.resources, work, decision, payload)
        outcome = replace(outcome, events=(*outcome.events, end, *self.driver.further_events(decision, end)))
        about = work.volume_id or next((row.id for row in outcome.rows), None)
        self.driver.resources.decisions.record(about, decision.plain(most=self.driver.resources.decision_detail))
        self._work.finish(work.lease, outcome)

    # -- no ------------------------------------------------------------------------------------------------------

    @contextmanager
    def refusing(self, work: WorkItem, volume: Volume, back_to: VolumeStatus | None) -> Iterator[None]:
        """A refusal in the block is the answer: the volume is put back (None: its row is removed).

        Where the lease or the database is lost, there is no answer yet.
        """
        try:
            yield
        except (LeaseLost, DatabaseUnavailable):
            raise
        except VolschedError as refusal:
            remove = back_to is None
            self.refuse(
                work,
                volume,
                refusal,
                Outcome(volume_changes={} if remove else {"status": back_to}, remove_volume=remove),
            )

    def refuse(self, work: WorkItem, volume: Volume, refusal: VolschedError, becomes: Outcome) -> None:
        """The answer is no: tell the operator, every notifier and the owner; `becomes` is what else becomes true."""
        LOG.error("volume %s: %s refused: %s", volume.id, work.operation, refusal)
        self._record(volume.id, refusal)
        self._work.finish(
            work.lease,
            replace(
                becomes,
                state=WorkState.FAILED,
                problem=str(refusal),
                volume_id=volume.id,
                events=self._told_of_refusal(work, refusal),
                message=Message(
                    volume_id=volume.id,
                    project_id=volume.project_id,
                    code=create_volume.NO_POOL,
                    text=_told(refusal, str(work.payload.get("backend") or volume.host)),
                ),
                cancel_reservation=work.payload.get("reservation"),
            ),
        )

    def refuse_group(self, work: WorkItem, group_id: str, project_id: str, refusal: VolschedError) -> None:
        """The same for a group, which has no volume that it is about."""
        LOG.error("group %s: refused: %s", group_id, refusal)
        self._record(group_id, refusal)
        self._work.finish(
            work.lease,
            Outcome(
                state=WorkState.FAILED,
                problem=str(refusal),
                rows=(RowChange(kind="group", id=group_id, changes={"status": "error"}),),
                events=self._told_of_refusal(work, refusal),
                message=Message(
                    volume_id=group_id, project_id=project_id, code=create_volume.NO_POOL, text=_told_of_group(refusal)
                ),
            ),
        )

    def _told_of_refusal(self, work: WorkItem, refusal: VolschedError) -> tuple[Event, ...]:
        told = events.refused(self.driver.resources, work, refusal)
        decision = getattr(refusal, "decision", None)
        return (told, *(self.driver.further_events(decision, told) if decision is not None else ()))

    def _record(self, about: str, refusal: VolschedError) -> None:
        decision = getattr(refusal, "decision", None)
        if decision is not None:
            resources = self.driver.resources
            resources.decisions.record(about, decision.plain(most=resources.decision_detail))

    # -- either --------------------------------------------------------------------------------------------------

    def end(self, work: WorkItem, problem: VolschedError | None = None, cancel: str | None = None) -> None:
        """End work that has nothing more to make durable; harmless where its claim ended it."""
        outcome = Outcome(cancel_reservation=cancel)
        if problem is not None:
            outcome = replace(outcome, state=WorkState.FAILED, problem=str(problem))
        try:
            self._work.finish(work.lease, outcome)
        except LeaseLost:
            LOG.debug("work %s was ended with its claim", work.id)

    def wake(self, pool_id: str) -> None:
        """Tell the agent of a pool that there is work."""
        self._caster.wake(agent_queue(pool_id.split("#", 1)[0]))


def _told_of_group(refusal: VolschedError) -> str:
    decision = getattr(refusal, "decision", None)
    if decision is None or decision.failed:
        return told(refusal)
    limits = [step.name for step in decision.filters if step.rejections]
    return "no backend serves every type of the group" + (f": turned away by {', '.join(limits)}" if limits else "")


def _told(refusal: VolschedError, wanted: str) -> str:
    """What the owner reads: which limit was hit and by how much, and nothing of the operator's."""
    decision = getattr(refusal, "decision", None)
    if decision:
        for step in decision.filters:  # others would have done, but not the one that was asked for
            if any(wanted in (pool.pool_id, pool.backend_id) for pool, _ in step.rejected()):
                return tenant_message_of_step(step.name)
    return told(refusal)
