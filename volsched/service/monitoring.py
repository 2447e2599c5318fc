"""The monitoring port of a service: /live, /ready and /metrics, on an HTTP server that slow clients cannot block."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from volsched.exceptions import ConfigurationError
from volsched.service.dependency_checks import DependencyChecks
from volsched.service.generation import CurrentApplication
from volsched.service.health import LIVE, READY, Check, Health, Status
from volsched.service.metrics import CheckedMetrics

LOG = logging.getLogger(__name__)

METRICS = "/metrics"
JSON = "application/json"
#: The loop whose steps last as long as a storage backend copies.
WORK = "work"
#: A client's connection is closed after this many seconds.
CLIENT_SECONDS = 5.0
#: With so many clients connected, the next one closes the connection of the oldest: it is answered, that one was slow.
MOST_CLIENTS = 32


class Monitor:
    """Answers from `start` to `stop`. Does nothing where [monitoring] enabled is off."""

    def __init__(self, program: str, current: CurrentApplication, stop: threading.Event, *, worker: int = 0) -> None:
        """Open the port. `stop`: set when the service is to end. `worker`: the number of this worker process.

        Raises ConfigurationError where the port is not available.
        """
        self._program = program
        self._current = current
        self._stop = stop
        self._live, self._ready = Health(), Health()
        self._server: PagesServer | None = None
        conf = current.application.conf
        options = conf.monitoring
        if not options.enabled:
            return
        kind = program.removeprefix("volsched-")
        option = f"{kind}_port"
        port = options[option]
        self._limit = options.stall_seconds
        self._limits = {WORK: options.storage_stall_seconds} if kind == "agent" else {}
        self._checks = DependencyChecks(
            lambda: current.application, kind, interval=options.look_interval, checked=self.ready
        )
        metrics = current.application.telemetry.metrics
        self._registry = CollectorRegistry() if metrics is None else metrics.registry
        self._registry.register(CheckedMetrics(current, self._checks, of_installation=kind == "scheduler"))
        self._server = PagesServer(
            {LIVE: self.live, READY: self.ready, METRICS: self.metrics},
            host=options.host,
            port=port + worker if port else 0,
            option=conf.label("monitoring", option),
        )

    @property
    def address(self) -> str | None:
        """host:port; None where monitoring is off."""
        return None if self._server is None else self._server.address

    def start(self) -> None:
        if self._server is not None:
            self._checks.start()
            self._server.start()

    def stop(self) -> None:
        """Idempotent."""
        if self._server is not None:
            self._server.stop()
            self._checks.stop()

    # -- pages ---------------------------------------------------------------------------------------------------

    def live(self) -> Response:
        """Whether every loop makes progress."""
        return _page(self._program, self._live, self._loop_checks())

    def ready(self) -> Response:
        """Whether the service can do its work now."""
        return _page(self._program, self._ready, self._service_checks())

    def metrics(self) -> Response:
        """The metrics of this process, in the format of Prometheus."""
        return Response(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _loop_checks(self) -> Iterator[Check]:
        slowest: dict[str, float] = {}
        for step, seconds in self._current.steps():
            slowest[step] = max(seconds, slowest.get(step, 0.0))
        for step, seconds in slowest.items():
            limit = self._limits.get(step, self._limit)
            if seconds <= limit:
                yield Check(step)
            else:
                yield Check(step, Status.FAILED, f"at one step for {seconds:.0f} s, longer than {limit:g} s")

    def _service_checks(self) -> Iterator[Check]:
        if self._stop.is_set():
            yield Check("service", Status.FAILED, "it is stopping")
        else:
            yield Check("service")
        if self._current.refused:
            yield Check("configuration", Status.WARNING, "the last reload was refused; see the log")
        else:
            yield Check("configuration")
        late = self._checks.late
        if late is not None:
            yield Check("checks", Status.FAILED, f"the last dependency checks are {late:.0f} s old")
        yield from self._checks.found.checks


def _page(program: str, health: Health, checks: Iterator[Check]) -> Response:
    healthy, results = health.record(checks)
    body: dict[str, Any] = {"service": program, "pid": os.getpid(), **results}
    status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(status, JSON, (json.dumps(body, ensure_ascii=False) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Response:
    """The response of a page."""

    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[], Response]


class PagesServer:
    """Serves pages by path, from `start` to `stop`."""

    def __init__(self, pages: Mapping[str, Page], *, host: str, port: int, option: str) -> None:
        """`option`: where the port is set, for the error. Raises ConfigurationError where it is not available."""
        try:
            self._server = _Server(pages, host, port)
        except (OSError, OverflowError) as problem:
            why = getattr(problem, "strerror", None) or problem
            raise ConfigurationError(
                option, f"cannot listen on {host}:{port}: {why}; set another port, or 0 for any free one"
            ) from problem
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="monitoring", daemon=True
        )

    @property
    def address(self) -> str:
        """host:port that it listens on."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop at once, without waiting for clients. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CLIENTS

    def __init__(self, pages: Mapping[str, Page], host: str, port: int) -> None:
        self.pages = pages
        self._lock = threading.Lock()
        self._clients: dict[int, socket.socket] = {}  # oldest first
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Client)

    def server_bind(self) -> None:
        # http.server's own method asks the name service for this machine's name, which may block.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            oldest = next(iter(self._clients.values())) if len(self._clients) >= MOST_CLIENTS else None
            self._clients[id(request)] = request
            if oldest is not None:
                _shut(self._clients.pop(id(oldest)))
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no further thread can be started
            self._forget(request)
            raise

    def _forget(self, request: socket.socket) -> None:
        with self._lock:
            self._clients.pop(id(request), None)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # The timeout of the socket bounds each read, this timer all of them together.
        end = threading.Timer(CLIENT_SECONDS, _shut, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._forget(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("monitoring: a client closed its connection", exc_info=True)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOG.debug("monitoring: a client had closed its connection already")


class _Client(BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS
    server_version, sys_version = "volsched", ""
    server: _Server

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            known = ", ".join(self.server.pages)
            response = Response(HTTPStatus.NOT_FOUND, "text/plain", f"expected one of the pages {known}\n".encode())
        else:
            try:
                response = page()
            except Exception:
                LOG.exception("monitoring: page %s failed", self.path)
                response = Response(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"internal error; see the log\n")
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if body:
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)
