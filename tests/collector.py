"""A collector of traces on loopback: OTLP, protobuf over HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span as it came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str  # '': the first of its trace
    failed: bool
    attributes: Mapping[str, Any]


class Collector:
    """Keeps every span, from the beginning to the end of the block."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer((ADDRESS, 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="collector")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self._server.server_address[1]}/v1/traces"

    def keep(self, body: bytes) -> None:
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {it.key: it.value.string_value for it in of_service.resource.attributes}["service.name"]
            self.spans += [_span(service, span) for scope in of_service.scope_spans for span in scope.spans]


def _span(service: str, span: Any) -> Span:
    return Span(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        attributes={it.key: getattr(it.value, it.value.WhichOneof("value")) for it in span.attributes},
    )


def _handler_of(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.keep(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """What comes is kept; nobody reads about it."""

    return Handler
