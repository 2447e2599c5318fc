"""The bus between processes, over oslo.messaging's in-memory driver."""

from __future__ import annotations

import math
import queue
from datetime import datetime
from typing import Any
from unittest import mock

from tests import TestCase
from volsched.exceptions import ConfigurationError, InvalidRequest
from volsched.messaging import transport as bus
from volsched.messaging.caster import RpcCaster
from volsched.messaging.endpoints import ReportEndpoint, WorkEndpoint
from volsched.messaging.rpcapi import SchedulerAPI, VolumeAPI, waker
from volsched.model.report import CapabilityReport
from volsched.plugins.bus import completed

NOW = datetime(2026, 11, 22, 9)


class TestRpc(TestCase):
    """A bus with a scheduler and the agent of one backend on it; `heard` says who heard what, in order."""

    @classmethod
    def setUpClass(cls) -> None:
        # What other tests said in this process, and nobody heard, is not for these.
        cls.enterClassContext(mock.patch.object(bus, "EXCHANGE", "of-these-tests"))
        cls.transport = bus.connect("fake://")
        cls.addClassCleanup(cls.transport.cleanup)
        cls.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        cls.serve(bus.SCHEDULER_TOPIC, "host1", "scheduler")
        cls.serve(bus.AGENT_TOPIC, "host1@disk1", "agent")

    @classmethod
    def serve(cls, topic: str, name: str, role: str) -> None:
        endpoints = [
            WorkEndpoint(lambda: cls.heard.put((role, "work"))),
            ReportEndpoint(lambda report: cls.heard.put((role, report)), lambda: NOW),
        ]
        server = bus.server(cls.transport, topic, name, endpoints)
        server.start()
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.stop)

    def next(self) -> tuple[str, Any]:
        return self.heard.get(timeout=30)

    def test_every_request_wakes_a_scheduler(self) -> None:
        api = SchedulerAPI(self.transport)
        context = {"request_id": "req-1", "auth_token": "secret"}
        api.wake()
        api.create_volume(context, {"id": "v1"})
        api.extend_volume(context, {"id": "v1"})
        api.manage_existing(context, {"id": "v1"})
        self.assertEqual([("scheduler", "work")] * 4, [self.next() for _ in range(4)])

    def test_every_piece_of_work_wakes_the_agent_of_its_backend(self) -> None:
        api = VolumeAPI(self.transport)
        api.wake("host1@disk1")
        for cast in (api.create_volume, api.delete_volume, api.extend_volume, api.manage_existing):
            cast({}, "host1@disk1", {"id": "v1"})
        self.assertEqual([("agent", "work")] * 5, [self.next() for _ in range(5)])

    def test_caster_wakes_whoever_serves_the_queue(self) -> None:
        caster = RpcCaster(waker(self.transport))
        caster.wake("agent:host1@disk1")
        self.assertEqual(("agent", "work"), self.next())
        caster.wake("scheduler")
        self.assertEqual(("scheduler", "work"), self.next())
        caster.stop(30)

    def test_reports_reach_the_schedulers(self) -> None:
        report = CapabilityReport(
            service_name="volume", host="host1@disk1", capabilities={"pools": [{"pool_name": "p"}]}, timestamp=NOW
        )
        SchedulerAPI(self.transport).update_service_capabilities({}, report)
        self.assertEqual(("scheduler", report), self.next())

    def test_report_that_is_no_json_is_refused_where_it_is_sent(self) -> None:
        for value in (math.nan, {1, 2}, NOW):
            report = CapabilityReport(
                service_name="volume", host="host1@disk1", capabilities={"x": value}, timestamp=NOW
            )
            with self.subTest(value=value), self.assertRaises(InvalidRequest):
                SchedulerAPI(self.transport).update_service_capabilities({}, report)

    def test_bad_report_is_told_and_the_next_one_is_heard(self) -> None:
        client = bus.client(self.transport, bus.SCHEDULER_TOPIC)
        good = {"service_name": "volume", "host": "host1@disk1", "capabilities": {}, "timestamp": NOW.isoformat()}
        with self.assertLogs("volsched.messaging.endpoints", "WARNING") as log:
            client.cast({}, "update_service_capabilities", **{**good, "host": 5})
            client.cast({}, "update_service_capabilities", **good)
            self.assertEqual("scheduler", self.next()[0])
        self.assertIn("a capability report of 5 was refused: host:", log.output[0])

    def test_only_json_travels_whatever_the_driver_could_carry(self) -> None:
        client = bus.client(self.transport, bus.SCHEDULER_TOPIC)
        for value in ((1, 2), NOW, object(), math.inf):
            with self.subTest(value=value), self.assertRaises(InvalidRequest):
                client.cast({}, "wake", queue=value)

    def test_no_credentials_travel(self) -> None:
        serializer = bus.JsonOnly()
        self.assertEqual(
            {"request_id": "req-1"}, serializer.serialize_context({"request_id": "req-1", "auth_token": "secret"})
        )
        self.assertEqual({}, serializer.serialize_context(None))

    def test_names_are_checked_at_the_door(self) -> None:
        endpoint = WorkEndpoint(self.fail)
        for bad in ("", None, 5, "x" * 300, "a\nb"):
            with self.subTest(bad=bad), self.assertRaises(InvalidRequest):
                endpoint.create_volume({}, bad)  # type: ignore[arg-type]


class TestConnect(TestCase):
    def test_what_names_no_bus_is_a_mistake_in_the_configuration(self) -> None:
        for url in ("smoke://signals", "://", "rabbit://host:port/"):
            with self.subTest(url=url), self.assertRaisesRegex(ConfigurationError, "names no message bus"):
                bus.connect(url)

    def test_rabbit_gets_quorum_queues_unless_told_otherwise(self) -> None:
        self.assertIn("rabbit_quorum_queue=true", completed("rabbit://u:p@h:5672/", bus.RABBIT))
        own = completed("rabbit://h/?rabbit_quorum_queue=false&ssl=true", bus.RABBIT)
        self.assertIn("rabbit_quorum_queue=false&ssl=true&", own)
        self.assertNotIn("rabbit_quorum_queue=true", own)
        self.assertEqual("fake://", completed("fake://", bus.RABBIT))

    def test_with_tls_a_broker_is_believed_only_if_somebody_vouches_for_it(self) -> None:
        self.assertIn("&ssl_ca_file=/", completed("rabbit://h/?ssl=true"))
        self.assertEqual("rabbit://h/?ssl=1&ssl_ca_file=x", completed("rabbit://h/?ssl=1&ssl_ca_file=x"))
        self.assertEqual("rabbit://h/?ssl=false", completed("rabbit://h/?ssl=false"))
