"""The stores of a process that counts or traces: each does what its own kind does, and tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.failures import Failures
from volsched.db.outbox import Outbox
from volsched.db.work import WorkQueue
from volsched.model.candidates import Candidates
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.parsing import ParsedReport
from volsched.model.report import CapabilityReport
from volsched.model.request import RequestSpec
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message, Outcome, Starting, WorkItem

if TYPE_CHECKING:
    from volsched.plugins import Chooser
    from volsched.service.telemetry import Telemetry


class InstrumentedWork(WorkQueue):
    """Work is under way from when it is taken until it is ended, or until the thread that took it looks for more."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        super().__init__(database)
        self._telemetry = telemetry

    def take(
        self, queues: Sequence[str], owner: str, lease_seconds: float, starting: Starting | None = None
    ) -> WorkItem | None:
        self._telemetry.left()
        told: list[Event] = []

        def noted(work: WorkItem) -> Sequence[Event]:
            told[:] = starting(work) if starting is not None else ()
            return told

        work = super().take(queues, owner, lease_seconds, noted if starting is not None else None)
        if work is not None:
            self._telemetry.began(work)
            self._telemetry.happened(told)
        return work

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        super().finish(lease, outcome)
        self._telemetry.happened(outcome.events)
        self._telemetry.ended(outcome)


class InstrumentedClaims(Claims):
    """Every claim, also one that is lost."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        super().__init__(database)
        self._telemetry = telemetry

    def claim(self, placement: Placement) -> Claim:
        with self._telemetry.claiming(placement):
            claim = super().claim(placement)
        self._telemetry.happened(placement.events)
        return claim


class InstrumentedOutbox(Outbox):
    """Events that are kept by themselves."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        super().__init__(database)
        self._telemetry = telemetry

    def emit(self, event: Event) -> None:
        super().emit(event)
        self._telemetry.happened((event,))


class InstrumentedFailures(Failures):
    """Requests that could not be served."""

    def __init__(self, database: Database, telemetry: Telemetry) -> None:
        super().__init__(database)
        self._telemetry = telemetry

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
        super().record(volume_id=volume_id, status=status, event=event, message=message, decision=decision, fence=fence)
        self._telemetry.happened((event,))
        self._telemetry.failed(str(event.payload.get("error")))


class InstrumentedBackends(Backends):
    """Reports that are taken in, or not."""

    def __init__(self, database: Database, telemetry: Telemetry, *, down_after_seconds: float) -> None:
        super().__init__(database, down_after_seconds=down_after_seconds)
        self._telemetry = telemetry

    def record(self, report: CapabilityReport, parsed: ParsedReport) -> bool:
        applied = super().record(report, parsed)
        self._telemetry.reported(applied=applied, set_aside=len(parsed.set_aside))
        return applied


class InstrumentedChooser:
    """A chooser that leaves everything to another one, and tells each question."""

    def __init__(self, chooser: Chooser, telemetry: Telemetry) -> None:
        self._chooser = chooser
        self._telemetry = telemetry
        self.needs = chooser.needs

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        with self._telemetry.choosing(request, candidates) as answer:
            return answer.of(self._chooser.screen(request, candidates))

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        with self._telemetry.choosing(request, candidates) as answer:
            return answer.of(self._chooser.place(request, candidates))
