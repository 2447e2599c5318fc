"""An identity service and a compute service on loopback, with one account and the instances that a test defines."""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any

HOST_ATTRIBUTE = "OS-EXT-SRV-ATTR:host"


class Cloud:
    """Both services on one port. Used by `with`."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (404, b"{}")  # to every question for a server
        self.asked: list[tuple[str, str | None]] = []  # path and token
        self.logins: list[dict[str, Any]] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (_Handler,), {"cloud": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, status: int, body: Any) -> None:
        self.answer = (status, json.dumps(body).encode())

    def runs_on(self, host: str) -> None:
        """Every instance runs there."""
        self.answers(200, {"server": {HOST_ATTRIBUTE: host}})

    def __enter__(self) -> Cloud:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    cloud: Cloud

    def do_GET(self) -> None:
        self.cloud.asked.append((self.path, self.headers.get("X-Auth-Token")))
        self._send(*self.cloud.answer)

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.cloud.logins.append(said["auth"]["identity"]["password"]["user"])
        url = f"{self.cloud.url}/v2.1"
        endpoint = {"interface": "internal", "region_id": "R", "region": "R", "url": url, "id": "e"}
        token = {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": [{"type": "compute", "name": "nova", "id": "c", "endpoints": [endpoint]}],
            "user": {"id": "u", "name": "volsched", "domain": {"id": "default", "name": "Default"}},
        }
        self._send(201, json.dumps({"token": token}).encode(), {"X-Subject-Token": "a-token"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
