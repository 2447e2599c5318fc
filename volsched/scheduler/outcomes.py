"""How the scheduler's answers become durable: a claim with the agent's work, a refusal, or the mere end of the work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import LeaseLost
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.identity import backend_of, derived_id
from volsched.model.pool import PoolState
from volsched.model.ports import VolumeCaster, WorkStore
from volsched.model.refusal_messages import message_code, tenant_message
from volsched.model.volume import Volume
from volsched.model.work import Message, Outcome, RowChange, WorkItem, WorkRequest, WorkState, agent_queue
from volsched.placement.claim_loop import claim_best
from volsched.placement.scheduler import placement
from volsched.plugins import SchedulerResources
from volsched.plugins.schedulers import CreateFailure, FurtherEvents
from volsched.scheduler import events

LOG = logging.getLogger(__name__)


class OutcomeRecorder:
    """Records how each piece of the scheduler's work ends. `further_events`: see SchedulerDriver."""

    def __init__(
        self, *, resources: SchedulerResources, work: WorkStore, caster: VolumeCaster, further_events: FurtherEvents
    ) -> None:
        self.resources = resources
        self._work = work
        self._caster = caster
        self._further_events = further_events

    def starting(self, work: WorkItem) -> tuple[Event, ...]:
        """Return the events that are sent when work is taken."""
        return events.starting(self.resources, work)

    # -- yes -----------------------------------------------------------------------------------------------------

    def claim_best(
        self, decide: Callable[[], Decision], place: Callable[[Decision, PoolState], Placement | None]
    ) -> Decision:
        """Run the claim loop, and wake the agent whose work was queued with the claim. Raises NoValidBackend."""
        queues: list[str] = []

        def placed(decision: Decision) -> Placement | None:
            assert decision.chosen is not None  # noqa: S101 - the claim loop sets it
            found = place(decision, decision.chosen)
            queues[:] = [work.queue for work in found.work] if found is not None else ()
            return found

        resources = self.resources
        decision = claim_best(
            decide, placed, pools=resources.pools, claims=resources.claims, attempts=resources.claim_attempts
        )
        for queue in queues:
            self._caster.wake(queue)
        return decision

    def placement(
        self, work: WorkItem, decision: Decision, claim: Claim, agent_work: WorkRequest, changes: Mapping[str, Any]
    ) -> Placement:
        """Return the claim with the agent's work and the event, in the transaction that ends this work.

        `changes`: of the volume's row.
        """
        payload = {"pool": claim.pool_id, "size_gb": claim.size_gb}
        return placement(
            self.resources,
            decision,
            claim,
            changes=changes,
            decision_id=partial(derived_id, "decision", work.id, work.lease.attempt),
            event=lambda: events.ended(self.resources, work, decision, payload),
            further=self._further_events,
            work=(agent_work,),
            fence=work.lease,
        )

    def finish(self, work: WorkItem, outcome: Outcome, decision: Decision, payload: Mapping[str, Any]) -> None:
        """Record an answer that needs no room, and the decision. `payload`: of the event."""
        end = events.ended(self.resources, work, decision, payload)
        outcome = replace(outcome, events=(*outcome.events, end, *self._further_events(decision, end)))
        self._record(work.volume_id or next((row.id for row in outcome.rows), None), decision)
        self._work.finish(work.lease, outcome)

    # -- no ------------------------------------------------------------------------------------------------------

    def refuse(
        self, work: WorkItem, volume: Volume, refusal: BaseException, becomes: Outcome, wanted: str | None = None
    ) -> None:
        """Record a refusal: for the operator, for every notifier and for the owner; `becomes`: what else changes.

        `wanted`: the pool or backend that the volume had to be in.
        """
        LOG.error("volume %s: %s refused: %s", volume.id, work.operation, refusal)
        message = (volume.id, volume.project_id, tenant_message(refusal, wanted))
        self._refuse(work, refusal, replace(becomes, volume_id=volume.id), *message)

    def refuse_group(self, work: WorkItem, refusal: BaseException) -> None:
        """Record a refusal of a group."""
        group = work.payload["group"]
        LOG.error("group %s refused: %s", group["id"], refusal)
        becomes = Outcome(rows=(RowChange(kind="group", id=group["id"], changes={"status": "error"}),))
        self._refuse(work, refusal, becomes, group["id"], group["project_id"], tenant_message(refusal))

    def _refuse(
        self, work: WorkItem, refusal: BaseException, becomes: Outcome, about: str, project_id: str, text: str
    ) -> None:
        decision: Decision | None = getattr(refusal, "decision", None)
        event = events.refused(self.resources, work, refusal)
        further = self._further_events(decision, event) if decision is not None else ()
        if decision is not None:
            self._record(about, decision)
        self._work.finish(
            work.lease,
            replace(
                becomes,
                state=WorkState.FAILED,
                problem=str(refusal),
                events=(event, *further),
                message=Message(volume_id=about, project_id=project_id, code=message_code(refusal), text=text),
                cancel_reservation=work.payload.get("reservation"),
            ),
        )

    def record_failure(self, failure: CreateFailure) -> None:
        """Record that a new volume could not be placed; the work goes on until it is ended."""
        self.resources.record_failure(failure, self._further_events)

    def _record(self, about: str | None, decision: Decision) -> None:
        self.resources.decisions.record(about, decision.plain(most=self.resources.decision_detail))

    # -- either --------------------------------------------------------------------------------------------------

    def end(self, work: WorkItem, problem: BaseException | None = None, cancel: str | None = None) -> None:
        """End work that has nothing more to make durable; harmless where its claim ended it."""
        outcome = Outcome(cancel_reservation=cancel)
        if problem is not None:
            outcome = replace(outcome, state=WorkState.FAILED, problem=str(problem))
        try:
            self._work.finish(work.lease, outcome)
        except LeaseLost:
            LOG.debug("work %s was ended with its claim", work.id)

    def wake(self, pool_id: str) -> None:
        """Wake the agent of a pool."""
        self._caster.wake(agent_queue(backend_of(pool_id)))
