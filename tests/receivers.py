"""A receiver of webhooks on loopback: HTTPS with a certificate of the test, and configurable responses."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]  # names in small letters
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def event(self) -> Any:
        return json.loads(self.body)


#: What to answer: a status, with headers. May wait before it answers.
Answer = tuple[int, Mapping[str, str]]


class Receiver:
    """Keeps every request. `answering` decides on each; without it, all are taken."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        answering: Callable[[Received], Answer] = lambda received: (204, {}),
        authorizer: trustme.CA | None = None,
    ) -> None:
        self.received: list[Received] = []
        self.answering = answering
        self.authorizer = authorizer if authorizer is not None else trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authorizer.cert_pem.write_to_path(str(self.ca_file))
        self._arrived = threading.Condition()
        self._server = _Server((ADDRESS, port), _handler_of(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authorizer.issue_cert(ADDRESS).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="receiver")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://{ADDRESS}:{self.port}/events"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, received: Received) -> Answer:
        with self._arrived:
            self.received.append(received)
            self._arrived.notify_all()
        return self.answering(received)

    def wait_for(self, enough: Callable[[list[Received]], bool], seconds: float) -> bool:
        """Whether what was received became enough within the time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: enough(self.received), seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust us, or went away: what it is about shows at the client."""


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = receiver.take(Received(path=self.path, headers=headers, body=body))
            self.send_response(status)
            for name, value in {"Content-Length": "0", **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the requests are kept."""

    return Handler
