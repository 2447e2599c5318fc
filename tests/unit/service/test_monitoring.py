"""The monitoring pages of a service."""

from __future__ import annotations

import json
import socket
import threading
from http import HTTPStatus
from unittest import mock

from prometheus_client.parser import text_string_to_metric_families

from tests.stores.world import OnSQLite
from volsched import conf
from volsched.exceptions import ConfigurationError
from volsched.model.observer import NO_OBSERVER
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication
from volsched.service.health import ask
from volsched.service.monitoring import Monitor, Response

SETTINGS = """\
[paths]
state_path = {folder}
[database]
connection = {url}
[monitoring]
enabled = {enabled}
scheduler_port = {port}
agent_port = {port}
stall_seconds = 100
storage_stall_seconds = 1000
"""


class TestMonitor(OnSQLite):
    def setUp(self) -> None:
        super().setUp()
        self.stop = threading.Event()

    def monitor(self, kind: str = "scheduler", *, enabled: bool = True, port: int = 0, worker: int = 0) -> Monitor:
        folder = self.folder()
        file = folder / "volsched.conf"
        url = self.database.url.render_as_string()
        file.write_text(SETTINGS.format(folder=folder, url=url, enabled=enabled, port=port))
        application = Application(conf.load([str(file)], use_env=False), kind)
        self.addCleanup(application.close)
        self.current = CurrentApplication(application)
        made = Monitor(f"volsched-{kind}", self.current, self.stop, worker=worker)
        self.addCleanup(made.stop)
        return made

    def wrong(self, answer: Response) -> dict[str, str]:
        checks = json.loads(answer.body)["checks"]
        return {name: it["reason"] for name, it in checks.items() if it["status"] != "ok"}

    def test_disabled_monitoring_does_nothing(self) -> None:
        made = self.monitor(enabled=False)
        made.start()
        self.assertIsNone(made.address)
        self.assertIs(NO_OBSERVER, self.current.application.telemetry.observer)

    def test_each_worker_has_a_port_of_its_own(self) -> None:
        first = self.monitor()
        assert first.address is not None
        port = int(first.address.rpartition(":")[2])
        with self.assertRaises(ConfigurationError) as raised:
            self.monitor(port=port)
        self.assertIn("[monitoring] scheduler_port", str(raised.exception))
        self.assertIn("volsched.conf:7", str(raised.exception))
        self.assertEqual(2, self.distance_of_the_third())

    def distance_of_the_third(self) -> int:
        """Return the distance of its port from the configured one. Ports after a free one may be taken."""
        for _ in range(50):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            try:
                third = self.monitor(port=port, worker=2)
            except ConfigurationError:
                continue
            return int((third.address or "").rpartition(":")[2]) - int(port)
        raise AssertionError("every port is taken")

    def test_loop_that_hangs_is_named(self) -> None:
        for kind, limit in (("scheduler", 100), ("agent", 1000)):
            made = self.monitor(kind)
            times = [9000.0, 8000.0, 8000.0, 5001.0 + limit, 5000.0 + limit, 5000.0]  # read from the end
            with (
                self.subTest(kind=kind),
                mock.patch("volsched.service.generation.time.monotonic", side_effect=times.pop),
            ):
                with self.current.used("work"):
                    self.assertEqual(HTTPStatus.OK, made.live().status)
                    answer = made.live()
                self.assertEqual(HTTPStatus.SERVICE_UNAVAILABLE, answer.status)
                self.assertEqual({"work": f"at one step for {limit + 1} s, longer than {limit} s"}, self.wrong(answer))
                self.assertEqual(HTTPStatus.OK, made.live().status)
                other = threading.Thread(target=self.look)
                other.start()
                other.join()
                self.assertEqual({"look", "work"}, set(json.loads(made.live().body)["checks"]))

    def look(self) -> None:
        with self.current.used("look"):
            pass

    def test_ready_reports_what_is_missing(self) -> None:
        made = self.monitor()
        self.assertEqual({"database": "not checked yet"}, self.wrong(made.ready()))
        made._checks.check()
        self.assertEqual({"backends", "reports"}, set(self.wrong(made.ready())))
        with mock.patch.object(self.current, "refused", True):
            self.assertIn("the last reload was refused", self.wrong(made.ready())["configuration"])
        self.stop.set()
        answer = made.ready()
        self.assertEqual(
            (HTTPStatus.SERVICE_UNAVAILABLE, "it is stopping"), (answer.status, self.wrong(answer)["service"])
        )

    def test_metrics_are_served_without_the_database(self) -> None:
        made = self.monitor()
        made._checks.check()
        self.assertEqual((1, 0), (self.sample(made, "database_up"), self.sample(made, "queue_length", state="queued")))
        assert self.database.file is not None
        self.database.file.unlink()
        made._checks.check()
        self.assertEqual(
            (0, None), (self.sample(made, "database_up"), self.sample(made, "queue_length", state="queued"))
        )
        self.current.reloaded(refused=True)
        self.assertEqual(1, self.sample(made, "reloads_total", outcome="refused"))

    def test_backends_are_counted_by_state(self) -> None:
        made = self.monitor()
        self.current.application.backends.heartbeat("h@b")
        self.current.application.backends.heartbeat("h@c")
        self.current.application.backends.set_disabled("h@c", True, "broken")
        made._checks.check()
        found = [self.sample(made, "backends", state=state) for state in ("up", "down", "disabled")]
        self.assertEqual([1, 0, 1], found)

    def test_agent_exports_no_metrics_of_the_installation(self) -> None:
        made = self.monitor("agent")
        with mock.patch("volsched.service.dependency_checks.backend_checks", return_value=()):
            made._checks.check()
        self.assertEqual((1, None), (self.sample(made, "database_up"), self.sample(made, "queue_length")))

    def sample(self, made: Monitor, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(made.metrics().body.decode()):
            for sample in family.samples:
                if sample.name == f"volsched_{name}" and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def test_client_reads_the_pages(self) -> None:
        made = self.monitor()
        made.start()
        health = ask(made.address or "", timeout=60)
        self.assertEqual((True, False), (health.live, health.ready))
        self.assertTrue(health.reasons)
        made.stop()
        gone = ask(made.address or "", timeout=60)
        self.assertEqual((None, None, ("it does not answer",)), (gone.live, gone.ready, gone.reasons))
