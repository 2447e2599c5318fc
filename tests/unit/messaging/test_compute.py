"""The compute API's client against a real HTTP server on this machine."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from typing import Any

from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from tests import TestCase
from volsched.exceptions import InstanceNotLocated, InvalidRequest
from volsched.messaging.compute import HOST_ATTRIBUTE, ComputeApi, session_for

INSTANCE = "3079f9f9-4e5f-401e-ae94-997d670f1d7d"


class _Compute(http.server.BaseHTTPRequestHandler):
    """Answers with what the test put into `server.answer`: a status and a body."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("X-Auth-Token")))  # type: ignore[attr-defined]
        status, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ComputeApiTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Compute)
        self.server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def api(self, port: int | None = None, timeout: float = 5.0) -> ComputeApi:
        url = f"http://127.0.0.1:{port or self.server.server_address[1]}/v2.1"
        session = Session(auth=Token(url, "a-token"), timeout=timeout)
        self.addCleanup(session.session.close)
        return ComputeApi(session)

    def answer(self, status: int, body: Any) -> None:
        self.server.answer = (status, json.dumps(body).encode())  # type: ignore[attr-defined]

    def refusal(self, api: ComputeApi) -> InstanceNotLocated:
        with self.assertRaises(InstanceNotLocated) as caught:
            api.instance_host(INSTANCE)
        self.assertIsInstance(caught.exception, InvalidRequest)
        self.assertEqual("scheduler_hints.local_to_instance", caught.exception.field)
        self.assertIn(INSTANCE, caught.exception.problem)
        return caught.exception

    def test_the_host_of_an_instance(self) -> None:
        self.answer(200, {"server": {"id": INSTANCE, HOST_ATTRIBUTE: "compute7"}})
        self.assertEqual("compute7", self.api().instance_host(INSTANCE))
        self.assertEqual([(f"/v2.1/servers/{INSTANCE}", "a-token")], self.server.asked)  # type: ignore[attr-defined]

    def test_an_unknown_instance(self) -> None:
        self.answer(404, {"itemNotFound": {"message": "Instance could not be found", "code": 404}})
        self.assertEqual("not_found", self.refusal(self.api()).kind)

    def test_the_attribute_is_hidden(self) -> None:
        self.answer(200, {"server": {"id": INSTANCE}})
        problem = self.refusal(self.api())
        self.assertEqual("hidden", problem.kind)
        self.assertIn(HOST_ATTRIBUTE, problem.problem)

    def test_the_answer_is_no(self) -> None:
        for status in (400, 401, 403, 500, 503):
            with self.subTest(status=status):
                self.answer(status, {})
                self.assertEqual("refused", self.refusal(self.api()).kind)

    def test_the_answer_is_nonsense(self) -> None:
        for body in ([], {}, {"server": None}, {"server": {HOST_ATTRIBUTE: 5}}, "text"):
            with self.subTest(body=body):
                self.answer(200, body)
                self.assertIn(self.refusal(self.api()).kind, ("refused", "hidden"))
        self.server.answer = (200, b"<html>")  # type: ignore[attr-defined]
        self.assertEqual("refused", self.refusal(self.api()).kind)

    def test_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.assertEqual("unreachable", self.refusal(self.api(port)).kind)

    def test_no_answer_in_time(self) -> None:
        with socket.socket() as deaf:  # accepts connections, and says nothing
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            self.assertEqual("timeout", self.refusal(self.api(deaf.getsockname()[1], timeout=0.05)).kind)


class _Cloud(_Compute):
    """Identity and compute in one server: a token for the right password, and the catalogue."""

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.logins.append(said["auth"]["identity"]["password"]["user"])  # type: ignore[attr-defined]
        here = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[attr-defined]
        endpoints = [{"interface": "internal", "region_id": "R", "region": "R", "url": f"{here}/v2.1", "id": "e"}]
        token = {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": [{"type": "compute", "name": "nova", "id": "c", "endpoints": endpoints}],
            "user": {"id": "u", "name": "volsched", "domain": {"id": "default", "name": "Default"}},
        }
        body = json.dumps({"token": token}).encode()
        self.send_response(201)
        self.send_header("X-Subject-Token", "a-token")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class CloudTest(ComputeApiTest):
    """The same by way of the identity service: it gives the token, and knows where the compute service is."""

    def setUp(self) -> None:
        super().setUp()
        self.server.RequestHandlerClass = _Cloud
        self.server.logins = []  # type: ignore[attr-defined]

    def api(self, port: int | None = None, timeout: float = 5.0) -> ComputeApi:
        session = session_for(
            f"http://127.0.0.1:{port or self.server.server_address[1]}/v3",
            username="volsched",
            password="secret",
            user_domain_name="Default",
            project_name="service",
            project_domain_name="Default",
            timeout=timeout,
        )
        self.addCleanup(session.session.close)
        return ComputeApi(session, region_name="R")

    def test_who_asks(self) -> None:
        self.answer(200, {"server": {"id": INSTANCE, HOST_ATTRIBUTE: "compute7"}})
        api = self.api()
        for _ in range(2):
            self.assertEqual("compute7", api.instance_host(INSTANCE))
        self.assertEqual(
            [{"name": "volsched", "domain": {"name": "Default"}, "password": "secret"}],
            self.server.logins,  # type: ignore[attr-defined]
        )

    def test_a_region_that_has_no_compute_service(self) -> None:
        api = ComputeApi(self.api()._adapter.session, region_name="elsewhere")
        self.assertEqual("unreachable", self.refusal(api).kind)
