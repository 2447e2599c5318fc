"""The compute API's client against a real HTTP server on this machine."""

from __future__ import annotations

import socket

from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from tests import TestCase
from tests.cloud import Cloud
from volsched.exceptions import InstanceNotLocated, InvalidRequest
from volsched.scheduler.compute_api import HOST_ATTRIBUTE, ComputeApi, session_for

INSTANCE = "3079f9f9-4e5f-401e-ae94-997d670f1d7d"


class ComputeApiTest(TestCase):
    """Asked at an address that is known beforehand."""

    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.enterContext(Cloud())

    def session(self, url: str, timeout: float) -> Session:
        return Session(auth=Token(f"{url}/v2.1", "a-token"), timeout=timeout)

    def api(self, url: str | None = None, timeout: float = 5.0, region_name: str | None = None) -> ComputeApi:
        session = self.session(url or self.cloud.url, timeout)
        self.addCleanup(session.session.close)
        return ComputeApi(session, region_name=region_name)

    def refusal(self, api: ComputeApi) -> InstanceNotLocated:
        with self.assertRaises(InstanceNotLocated) as caught:
            api.instance_host(INSTANCE)
        self.assertIsInstance(caught.exception, InvalidRequest)
        self.assertEqual("scheduler_hints.local_to_instance", caught.exception.field)
        self.assertIn(INSTANCE, caught.exception.problem)
        return caught.exception

    def test_the_host_of_an_instance(self) -> None:
        self.cloud.runs_on("compute7")
        self.assertEqual("compute7", self.api().instance_host(INSTANCE))
        self.assertEqual([(f"/v2.1/servers/{INSTANCE}", "a-token")], self.cloud.asked)

    def test_an_unknown_instance(self) -> None:
        self.cloud.answers(404, {"itemNotFound": {"message": "Instance could not be found", "code": 404}})
        self.assertEqual("not_found", self.refusal(self.api()).kind)

    def test_the_attribute_is_hidden(self) -> None:
        self.cloud.answers(200, {"server": {"id": INSTANCE}})
        problem = self.refusal(self.api())
        self.assertEqual("hidden", problem.kind)
        self.assertIn(HOST_ATTRIBUTE, problem.problem)

    def test_the_answer_is_no(self) -> None:
        for status in (400, 401, 403, 500, 503):
            with self.subTest(status=status):
                self.cloud.answers(status, {})
                self.assertEqual("refused", self.refusal(self.api()).kind)

    def test_the_answer_is_nonsense(self) -> None:
        for body in ([], {}, {"server": None}, {"server": {HOST_ATTRIBUTE: 5}}, "text"):
            with self.subTest(body=body):
                self.cloud.answers(200, body)
                self.assertIn(self.refusal(self.api()).kind, ("refused", "hidden"))
        self.cloud.answer = (200, b"<html>")
        self.assertEqual("refused", self.refusal(self.api()).kind)

    def test_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.assertEqual("unreachable", self.refusal(self.api(f"http://127.0.0.1:{port}")).kind)

    def test_no_answer_in_time(self) -> None:
        with socket.socket() as deaf:  # accepts connections, and says nothing
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            self.assertEqual("timeout", self.refusal(self.api(url, timeout=0.05)).kind)


class ByIdentityTest(ComputeApiTest):
    """The same by way of the identity service: it gives the token, and knows where the compute service is."""

    def session(self, url: str, timeout: float) -> Session:
        return session_for(
            f"{url}/v3",
            username="volsched",
            password="secret",
            user_domain_name="Default",
            project_name="service",
            project_domain_name="Default",
            timeout=timeout,
        )

    def test_who_asks(self) -> None:
        self.cloud.runs_on("compute7")
        api = self.api()
        for _ in range(2):
            self.assertEqual("compute7", api.instance_host(INSTANCE))
        account = {"name": "volsched", "domain": {"name": "Default"}, "password": "secret"}
        self.assertEqual([account], self.cloud.logins)

    def test_a_region_that_has_no_compute_service(self) -> None:
        self.assertEqual("unreachable", self.refusal(self.api(region_name="elsewhere")).kind)
