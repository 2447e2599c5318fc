"""The HTTP server of a running service: a few read-only pages that slow clients cannot block."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from volsched.exceptions import ConfigurationError

LOG = logging.getLogger(__name__)

#: A client's connection is closed after this many seconds.
CLIENT_SECONDS = 5.0
#: With so many clients connected, the next one closes the connection of the oldest: it is answered, that one was slow.
MOST_CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a page."""

    status: HTTPStatus
    kind: str
    body: bytes


Page = Callable[[], Answer]


class PagesServer:
    """Serves pages by their path, from `start` to `stop`."""

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
        """host:port, as it listens."""
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
            answer = Answer(HTTPStatus.NOT_FOUND, "text/plain", f"expected one of the pages {known}\n".encode())
        else:
            try:
                answer = page()
            except Exception:
                LOG.exception("monitoring: page %s failed", self.path)
                answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"internal error; see the log\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)
