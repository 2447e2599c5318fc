"""The HTTP server of a running service: a few pages, read only, that nobody can hold up."""

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

#: A client has so long for everything: then its connection is closed.
CLIENT_SECONDS = 5.0
#: So many clients are answered at a time; others are turned away at once.
MOST_CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: HTTPStatus
    kind: str
    body: bytes


Page = Callable[[], Answer]


class PagesServer:
    """Serves pages by their path, from `start` to `stop`."""

    def __init__(self, pages: Mapping[str, Page], *, host: str, port: int, option: str) -> None:
        """`option`: where the port was set, for the error. Raises ConfigurationError where it cannot be had."""
        try:
            self._server = _Server(pages, host, port)
        except (OSError, OverflowError) as problem:
            why = getattr(problem, "strerror", None) or problem
            raise ConfigurationError(
                option, f"{host}:{port} cannot be listened at: {why}; give another port, 0 for any that is free"
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
        """Idempotent. Whoever is being answered is not waited for."""
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
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Client)

    def server_bind(self) -> None:
        # http.server's own asks the name service for the name of this machine, and may wait for it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no further thread can be had
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # Each read may take its time; all of them together may not.
        end = threading.Timer(CLIENT_SECONDS, _shut, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOG.debug("a client of the monitoring port went away", exc_info=True)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOG.debug("the client was gone already")


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
            answer = Answer(HTTPStatus.NOT_FOUND, "text/plain", f"there is no such page; there are {known}\n".encode())
        else:
            try:
                answer = page()
            except Exception:  # a page that breaks is told to whoever asked, and to the log; the others go on
                LOG.exception("%s could not be answered", self.path)
                answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"it broke; the log says why\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)
