"""Spans of OpenTelemetry: request, decision, claim, cast, and the agent's work, in one trace over all processes."""

from __future__ import annotations

import functools
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from volsched.exceptions import ConfigurationError
from volsched.model.trace_context import CURRENT, TRACE, Trace
from volsched.model.work import Outcome, WorkItem, WorkRequest, WorkState

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

NOTHING: Mapping[str, Any] = {}
#: Spans wait so long at most until they are sent.
SENT_AFTER_MS = 1000
MISSING = "OpenTelemetry is not installed; fix: pip install 'volsched[tracing]', or exporter = none"


def traced(options: Any, process: str) -> Tracer:
    """The tracer of a process with these options, of [tracing]. Raises ConfigurationError."""
    if urlsplit(options.endpoint).scheme not in ("http", "https"):
        raise ConfigurationError("[tracing] endpoint", f"{options.endpoint!r} is no http:// or https:// URL")
    if process == "command":  # whoever asks is not told that nobody listens to the spans
        logging.getLogger("opentelemetry").propagate = False
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    return Tracer(
        otlp_provider(
            service="volsched" if process == "command" else f"volsched-{process.partition(' ')[0]}",
            endpoint=options.endpoint,
            ratio=options.sample_ratio,
            timeout=options.timeout,
        )
    )


def otlp_provider(*, service: str, endpoint: str, ratio: float, timeout: float) -> TracerProvider:
    """Sends to a collector, from a thread of its own. Raises ConfigurationError where the packages are missing."""
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
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=SENT_AFTER_MS))
    return provider


class Tracer:
    """Begins and ends the spans of one process. What is under way is known to each thread for itself."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("volsched")
        self._written = TraceContextTextMapPropagator()

    def stop(self) -> None:
        """Send what is not sent yet."""
        self._provider.shutdown()

    @contextmanager
    def span(self, name: str, about: Mapping[str, Any] = NOTHING) -> Iterator[Span]:
        """A part of what is under way, or the beginning of a trace; ends with the block."""
        current = CURRENT.get()
        parent = current.context if isinstance(current, _UnderWay) else None
        under_way = _UnderWay(self, self._begun(name, parent, about))
        token = CURRENT.set(under_way)
        try:
            yield under_way.span
        except BaseException as problem:
            under_way.failed(type(problem).__name__)
            raise
        finally:
            CURRENT.reset(token)
            under_way.span.end()

    def request(self, name: str, operation: Callable[P, R]) -> Callable[P, R]:
        """The same operation as a span."""

        @functools.wraps(operation)
        def traced(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.span(name) as span:
                answer = operation(*args, **kwargs)
                if hasattr(answer, "id"):
                    span.set_attribute("volsched.id", str(answer.id))
                return answer

        return traced

    def began(self, work: WorkItem) -> None:
        """This thread goes on with the trace that the work belongs to, until `ended`."""
        from opentelemetry.trace import SpanKind

        carried = work.payload.get(TRACE)
        parent = self._written.extract(carried) if isinstance(carried, dict) else None
        about = {
            "work_id": work.id,
            "queue": work.queue,
            "operation": work.operation,
            "volume_id": work.volume_id or "",
            "attempt": work.lease.attempt,
        }
        span = self._begun(_task(work), parent, about, SpanKind.CONSUMER)
        CURRENT.set(_UnderWay(self, span))

    def ended(self, outcome: Outcome | None) -> None:
        """None: it was let go of."""
        under_way = CURRENT.get()
        if not isinstance(under_way, _UnderWay):
            return
        CURRENT.set(None)
        if outcome is None:
            under_way.failed("let go of")
        elif outcome.state is WorkState.FAILED:
            under_way.failed("refused or failed")
        under_way.span.end()

    def failed(self, error: str) -> None:
        """What is under way has failed; it goes on until it is ended."""
        under_way = CURRENT.get()
        if isinstance(under_way, _UnderWay):
            under_way.failed(error)

    def cast(self, parent: Any, request: WorkRequest) -> dict[str, str]:
        """The span of handing work over, and what its taker needs to go on from there."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        about = {"work_id": request.id, "queue": request.queue}
        span = self._begun(f"cast {_task(request)}", parent, about, SpanKind.PRODUCER)
        carried: dict[str, str] = {}
        self._written.inject(carried, set_span_in_context(span))
        span.end()
        return carried

    def _begun(self, name: str, parent: Any, about: Mapping[str, Any], kind: Any = None) -> Span:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        context = parent if parent is not None else Context()  # nothing of what others trace in this process
        return self._tracer.start_span(
            name,
            context,
            kind=kind or SpanKind.INTERNAL,
            attributes={f"volsched.{key}": value for key, value in about.items()},
        )


def _task(work: WorkItem | WorkRequest) -> str:
    """Whose it is, and what is to be done."""
    kind, _, _ = work.queue.partition(":")
    return f"{kind} {work.operation}"


class _UnderWay(Trace):
    """A span that the work of this thread belongs to."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        from opentelemetry.trace import set_span_in_context

        self.span = span
        self.context = set_span_in_context(span)
        self._tracer = tracer
        self._cast: dict[str, dict[str, str]] = {}

    def handed_over(self, request: WorkRequest) -> Mapping[str, str]:
        """One span each, however often the transaction is tried."""
        if request.id not in self._cast:
            self._cast[request.id] = self._tracer.cast(self.context, request)
        return self._cast[request.id]

    def failed(self, why: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self.span.set_status(Status(StatusCode.ERROR, why))
