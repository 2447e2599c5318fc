"""Spans of OpenTelemetry: request, decision, claim, cast and the agent's work, in one trace over all processes."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from volsched.exceptions import ConfigurationError
from volsched.model.candidates import Candidates
from volsched.model.claim import Placement
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.model.observer import Observer
from volsched.model.request import RequestSpec
from volsched.model.trace_context import CURRENT, TRACE, Trace
from volsched.model.work import Lease, Outcome, WorkItem, WorkRequest, WorkState

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

NO_ATTRIBUTES: Mapping[str, Any] = {}
#: Longest time, in milliseconds, until a span is sent.
SEND_DELAY_MS = 1000
MISSING = "OpenTelemetry is not installed; fix: pip install 'volsched[tracing]', or exporter = none"


def tracing_of(options: Any, process: str) -> Tracing:
    """Return the tracing of a process with the options of [tracing]. Raises ConfigurationError."""
    if urlsplit(options.endpoint).scheme not in ("http", "https"):
        raise ConfigurationError("[tracing] endpoint", f"expected an http:// or https:// URL, got {options.endpoint!r}")
    if process == "command":  # a collector that is down is no concern of a command's user
        logging.getLogger("opentelemetry").propagate = False
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    return Tracing(
        otlp_provider(
            service="volsched" if process == "command" else f"volsched-{process.partition(' ')[0]}",
            endpoint=options.endpoint,
            ratio=options.sample_ratio,
            timeout=options.timeout,
        )
    )


def otlp_provider(*, service: str, endpoint: str, ratio: float, timeout: float) -> TracerProvider:
    """Return a provider that sends to a collector from a thread of its own.

    Raises ConfigurationError where the packages are missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as problem:
        raise ConfigurationError("[tracing] exporter", MISSING) from problem
    provider = TracerProvider(
        resource=Resource({"service.name": service, "service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}),
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=timeout)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SEND_DELAY_MS))
    return provider


class Tracing(Observer):
    """Turns stages into spans. Each thread has its own current span."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("volsched")
        self._propagator = TraceContextTextMapPropagator()

    def stop(self) -> None:
        """Send the spans that are not sent yet."""
        self._provider.shutdown()

    # -- stages ----------------------------------------------------------------------------------------------------

    def request_started(self, operation: str) -> None:
        self._begin(operation)

    def request_ended(self, result: object, problem: BaseException | None) -> None:
        self._end({"id": str(result.id)} if hasattr(result, "id") else NO_ATTRIBUTES, problem)

    def decision_started(self) -> None:
        self._begin("decide")

    def decision_ended(
        self, request: RequestSpec, candidates: Candidates, result: Decision | BaseException, seconds: float
    ) -> None:
        if isinstance(result, BaseException):
            self._end(NO_ATTRIBUTES, result)
        else:
            operation = request.operation.value
            self._end({"operation": operation, "candidates": len(candidates), "passed": len(result.ranked)}, None)

    def claim_started(self, placement: Placement) -> None:
        claim = placement.claim
        self._begin("claim", {"volume_id": claim.volume_id, "pool_id": claim.pool_id, "gib": claim.size_gb})

    def claim_ended(self, placement: Placement, problem: BaseException | None) -> None:
        self._end(NO_ATTRIBUTES, problem)

    def failure_stored(self, event: Event) -> None:
        current = CURRENT.get()
        if isinstance(current, _CurrentSpan):
            current.fail(str(event.payload.get("error")))

    def work_wanted(self) -> None:
        current = CURRENT.get()
        if isinstance(current, _CurrentSpan) and current.work_id is not None:
            current.fail("abandoned")
            self._end(NO_ATTRIBUTES, None)

    def work_taken(self, work: WorkItem) -> None:
        """Continue the trace that the work carries until it is finished."""
        from opentelemetry.trace import SpanKind

        carried = work.payload.get(TRACE)
        parent = self._propagator.extract(carried) if isinstance(carried, dict) else None
        attributes = {
            "work_id": work.id,
            "queue": work.queue,
            "operation": work.operation,
            "volume_id": work.volume_id or "",
            "attempt": work.lease.attempt,
        }
        span = self._span(_name_of(work), parent, attributes, SpanKind.CONSUMER)
        CURRENT.set(_CurrentSpan(self, span, None, work.id))

    def work_finished(self, lease: Lease, outcome: Outcome) -> None:
        current = CURRENT.get()
        if not isinstance(current, _CurrentSpan) or current.work_id != lease.work_id:
            return
        if outcome.state is WorkState.FAILED:
            current.fail("refused or failed")
        self._end(NO_ATTRIBUTES, None)

    # -- spans -----------------------------------------------------------------------------------------------------

    def cast(self, parent: Any, request: WorkRequest) -> dict[str, str]:
        """Make the span of queueing work, and return the context from which its taker continues."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        attributes = {"work_id": request.id, "queue": request.queue}
        span = self._span(f"cast {_name_of(request)}", parent, attributes, SpanKind.PRODUCER)
        carried: dict[str, str] = {}
        self._propagator.inject(carried, set_span_in_context(span))
        span.end()
        return carried

    def _begin(self, name: str, attributes: Mapping[str, Any] = NO_ATTRIBUTES) -> None:
        """Begin a child of the current span, or a trace; it is the current span until `_end`."""
        outer = CURRENT.get()
        parent = outer.context if isinstance(outer, _CurrentSpan) else None
        CURRENT.set(_CurrentSpan(self, self._span(name, parent, attributes), outer, None))

    def _end(self, attributes: Mapping[str, Any], problem: BaseException | None) -> None:
        current = CURRENT.get()
        if not isinstance(current, _CurrentSpan):
            return
        CURRENT.set(current.outer)
        for key, value in attributes.items():
            current.span.set_attribute(f"volsched.{key}", value)
        if problem is not None:
            current.fail(type(problem).__name__)
        current.span.end()

    def _span(self, name: str, parent: Any, attributes: Mapping[str, Any], kind: Any = None) -> Span:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        return self._tracer.start_span(
            name,
            parent if parent is not None else Context(),  # no spans of other libraries in this process
            kind=kind or SpanKind.INTERNAL,
            attributes={f"volsched.{key}": value for key, value in attributes.items()},
        )


def _name_of(work: WorkItem | WorkRequest) -> str:
    """Return kind of queue and operation: `agent create`."""
    kind, _, _ = work.queue.partition(":")
    return f"{kind} {work.operation}"


class _CurrentSpan(Trace):
    """The span that this thread is in, within `outer`. `work_id`: of the work whose span it is."""

    def __init__(self, tracing: Tracing, span: Span, outer: Trace | None, work_id: str | None) -> None:
        from opentelemetry.trace import set_span_in_context

        self.span = span
        self.context = set_span_in_context(span)
        self.outer = outer
        self.work_id = work_id
        self._tracing = tracing
        self._cast: dict[str, dict[str, str]] = {}

    def context_for(self, request: WorkRequest) -> Mapping[str, str]:
        """Return the context of the request's cast span, of which there is one however often a transaction is tried."""
        if request.id not in self._cast:
            self._cast[request.id] = self._tracing.cast(self.context, request)
        return self._cast[request.id]

    def fail(self, why: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self.span.set_status(Status(StatusCode.ERROR, why))
