"""The HTTP server of the monitoring port, and clients that misbehave."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection
from unittest import mock

from tests import TestCase
from volsched.exceptions import ConfigurationError
from volsched.service import monitoring
from volsched.service.monitoring import MOST_CLIENTS, PagesServer, Response

PATIENCE_SECONDS = 30


def fine() -> Response:
    return Response(HTTPStatus.OK, "text/plain", b"fine\n")


def broken() -> Response:
    raise RuntimeError("a secret")


class TestPagesServer(TestCase):
    def served(self, host: str = "127.0.0.1", port: int = 0) -> PagesServer:
        made = PagesServer({"/fine": fine, "/broken": broken}, host=host, port=port, option="[x] port")
        made.start()
        self.addCleanup(made.stop)
        return made

    def ask(self, served: PagesServer, page: str, method: str = "GET") -> tuple[int, bytes]:
        connection = HTTPConnection(served.address, timeout=PATIENCE_SECONDS)
        self.addCleanup(connection.close)
        connection.request(method, page)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_pages_are_served_by_path(self) -> None:
        served = self.served()
        self.assertEqual((200, b"fine\n"), self.ask(served, "/fine?x=1"))
        self.assertEqual((200, b""), self.ask(served, "/fine", "HEAD"))
        status, body = self.ask(served, "/other")
        self.assertEqual(404, status)
        self.assertIn(b"/fine, /broken", body)
        self.assertEqual(501, self.ask(served, "/fine", "DELETE")[0])

    def test_page_that_fails_hides_the_reason_from_the_client(self) -> None:
        served = self.served()
        with self.assertLogs("volsched.service.monitoring", "ERROR") as logged:
            self.assertEqual((500, b"internal error; see the log\n"), self.ask(served, "/broken"))
        self.assertIn("a secret", logged.output[0])
        self.assertEqual(200, self.ask(served, "/fine")[0])

    def test_port_in_use_is_a_configuration_error(self) -> None:
        port = int(self.served().address.rpartition(":")[2])
        with self.assertRaises(ConfigurationError) as raised:
            PagesServer({}, host="127.0.0.1", port=port, option="[x] port")
        self.assertEqual("[x] port", raised.exception.option)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: Address already in use", str(raised.exception))

    def test_unknown_host_is_a_configuration_error(self) -> None:
        with self.assertRaises(ConfigurationError):
            PagesServer({}, host="no-such-host.invalid", port=0, option="[x] port")

    def test_silent_clients_block_nobody_and_are_disconnected(self) -> None:
        with mock.patch.object(monitoring, "CLIENT_SECONDS", 0.5):
            served = self.served()
            host, _, port = served.address.rpartition(":")
            silent = [socket.create_connection((host, int(port))) for _ in range(5)]
            for connection in silent:
                self.addCleanup(connection.close)
            self.assertEqual(200, self.ask(served, "/fine")[0])
            self.assertTrue(self.is_shut_while_it_dribbles(silent[0]))
            for connection in silent[1:]:
                connection.settimeout(PATIENCE_SECONDS)
                self.assertEqual(b"", connection.recv(100), "it was shut")

    def is_shut_while_it_dribbles(self, connection: socket.socket) -> bool:
        nap = threading.Event()
        for _ in range(20 * PATIENCE_SECONDS):
            try:
                connection.sendall(b"x")
            except OSError:
                return True
            nap.wait(0.05)
        return False

    def test_slow_clients_do_not_turn_a_probe_away(self) -> None:
        self.enterContext(mock.patch.object(monitoring, "CLIENT_SECONDS", 10 * PATIENCE_SECONDS))
        self.enterContext(mock.patch.object(monitoring._Client, "timeout", 10 * PATIENCE_SECONDS))
        served = self.served()
        host, _, port = served.address.rpartition(":")
        slow = [self.enterContext(socket.create_connection((host, int(port)))) for _ in range(2 * MOST_CLIENTS)]
        for connection in slow:
            with suppress(OSError):  # the oldest are closed already
                connection.sendall(b"GET /fine HTTP/1.1\r\nX: ")
        for _ in range(3):
            self.assertEqual((200, b"fine\n"), self.ask(served, "/fine"))
        slow[0].settimeout(PATIENCE_SECONDS)
        with suppress(ConnectionResetError):
            self.assertEqual(b"", slow[0].recv(100), "the oldest client is still connected")

    def test_stop_is_idempotent(self) -> None:
        served = self.served()
        served.stop()
        served.stop()
        with self.assertRaises(OSError):
            self.ask(served, "/fine")

    def test_ipv6_is_served(self) -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("this machine has no IPv6")
        served = self.served("::1")
        self.assertRegex(served.address, r"^\[::1\]:\d+$")
        self.assertEqual(200, self.ask(served, "/fine")[0])
