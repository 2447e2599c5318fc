"""What one process tells of its work: figures, spans, both or nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from volsched.conf import Configuration
    from volsched.db.backends import Backends
    from volsched.db.claims import Claims
    from volsched.db.database import Database
    from volsched.db.failures import Failures
    from volsched.db.outbox import Outbox
    from volsched.db.work import WorkQueue
    from volsched.model.candidates import Candidates
    from volsched.model.claim import Placement
    from volsched.model.decision import Decision
    from volsched.model.event import Event
    from volsched.model.inconsistency import Inconsistency
    from volsched.model.request import RequestSpec
    from volsched.model.work import Outcome, WorkItem
    from volsched.plugins import Chooser
    from volsched.service.metrics import Counts
    from volsched.service.tracing import Tracer

Service = TypeVar("Service")

CLAIM, DECIDE = "claim", "decide"


class Telemetry:
    """Makes the stores of a process: plain ones where nothing is to be told.

    What is told is never in the way: it waits for nobody, and costs microseconds.
    """

    def __init__(self, counts: Counts | None = None, tracer: Tracer | None = None) -> None:
        self.counts = counts
        self.tracer = tracer
        self._thread = threading.local()

    @property
    def on(self) -> bool:
        return self.counts is not None or self.tracer is not None

    def stop(self) -> None:
        """Send what is not sent yet, within the collector's timeout."""
        if self.tracer is not None:
            self.tracer.stop()

    # -- what is told --------------------------------------------------------------------------------------------

    def began(self, work: WorkItem) -> None:
        """This thread has taken a piece of work."""
        self._thread.work = work
        if self.counts is not None:
            self.counts.taken(work)
        if self.tracer is not None:
            self.tracer.began(work)

    def ended(self, outcome: Outcome) -> None:
        """It is done with that piece of work, in whatever way."""
        work: WorkItem | None = getattr(self._thread, "work", None)
        if work is None:
            return
        self._thread.work = None
        if self.counts is not None:
            self.counts.done(work)
        if self.tracer is not None:
            self.tracer.ended(outcome)

    def left(self) -> None:
        """It has let go of that work, if there was any: a lease was lost, or the database."""
        if getattr(self._thread, "work", None) is not None:
            self._thread.work = None
            if self.tracer is not None:
                self.tracer.ended(None)

    def failed(self, error: str) -> None:
        """What this thread works at cannot be done, for an error of this name."""
        if self.tracer is not None:
            self.tracer.failed(error)

    def happened(self, events: Iterable[Event]) -> None:
        if self.counts is not None:
            self.counts.happened(events)

    @contextmanager
    def claiming(self, placement: Placement) -> Iterator[None]:
        claim = placement.claim
        about = {"volume_id": claim.volume_id, "pool_id": claim.pool_id, "gib": claim.size_gb}
        with nullcontext() if self.tracer is None else self.tracer.span(CLAIM, about):
            yield
        if self.counts is not None:
            self.counts.claimed()

    @contextmanager
    def choosing(self, request: RequestSpec, candidates: Candidates) -> Iterator[Answer]:
        answer = Answer()
        begun = time.perf_counter()
        try:
            with nullcontext() if self.tracer is None else self.tracer.span(DECIDE) as span:
                yield answer
                if span is not None and answer.decision is not None:
                    _describe(span, request, candidates, answer.decision)
        finally:
            if self.counts is not None:
                self.counts.chosen(time.perf_counter() - begun)

    def reported(self, *, applied: bool, set_aside: int) -> None:
        if self.counts is not None:
            self.counts.reported(applied=applied, set_aside=set_aside)

    def audited(self, checks: Iterable[str], found: Sequence[Inconsistency]) -> None:
        if self.counts is not None:
            self.counts.audited(checks, found)

    # -- who tells it --------------------------------------------------------------------------------------------

    def work(self, database: Database) -> WorkQueue:
        if self.on:
            from volsched.service.instrumented import InstrumentedWork

            return InstrumentedWork(database, self)
        from volsched.db.work import WorkQueue

        return WorkQueue(database)

    def claims(self, database: Database) -> Claims:
        if self.on:
            from volsched.service.instrumented import InstrumentedClaims

            return InstrumentedClaims(database, self)
        from volsched.db.claims import Claims

        return Claims(database)

    def outbox(self, database: Database) -> Outbox:
        if self.on:
            from volsched.service.instrumented import InstrumentedOutbox

            return InstrumentedOutbox(database, self)
        from volsched.db.outbox import Outbox

        return Outbox(database)

    def failures(self, database: Database) -> Failures:
        if self.on:
            from volsched.service.instrumented import InstrumentedFailures

            return InstrumentedFailures(database, self)
        from volsched.db.failures import Failures

        return Failures(database)

    def backends(self, database: Database, *, down_after_seconds: float) -> Backends:
        if self.on:
            from volsched.service.instrumented import InstrumentedBackends

            return InstrumentedBackends(database, self, down_after_seconds=down_after_seconds)
        from volsched.db.backends import Backends

        return Backends(database, down_after_seconds=down_after_seconds)

    def chooser(self, chooser: Chooser) -> Chooser:
        if not self.on:
            return chooser
        from volsched.service.instrumented import InstrumentedChooser

        return InstrumentedChooser(chooser, self)

    def requests(self, service: Service, about: str, operations: Iterable[str]) -> Service:
        """The service, each of whose operations is a request: the beginning of a trace."""
        if self.tracer is not None:
            for operation in operations:
                setattr(service, operation, self.tracer.request(f"{about} {operation}", getattr(service, operation)))
        return service


def telemetry_of(conf: Configuration, process: str) -> Telemetry:
    """As it is configured. Services count, where somebody can ask for it; commands live too short.

    Raises ConfigurationError.
    """
    counts = tracer = None
    if conf.monitoring.enabled and process != "command":
        from volsched.service.metrics import Counts

        counts = Counts()
    if conf.tracing.exporter != "none":
        from volsched.service.tracing import traced

        tracer = traced(conf.tracing, process)
    return Telemetry(counts, tracer)


class Answer:
    """What came of a question."""

    decision: Decision | None = None

    def of(self, decision: Decision) -> Decision:
        self.decision = decision
        return decision


def _describe(span: Span, request: RequestSpec, candidates: Candidates, decision: Decision) -> None:
    span.set_attribute("volsched.operation", request.operation.value)
    span.set_attribute("volsched.candidates", len(candidates))
    span.set_attribute("volsched.passed", len(decision.ranked))
