"""Health, metrics and traces of running services: real processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from tests import TestCase, servers
from tests.collector import Collector, Span
from tests.functional import moments
from tests.functional.fleet import Fleet
from tests.relay import Relay
from volsched.db.schema import reservations
from volsched.db.work import WorkQueue
from volsched.service.pidfile import PidFile, PidFiles

MONITORING = """\
[monitoring]
enabled = true
scheduler_port = 0
agent_port = 0
look_interval = 0.2
"""
TRACING = """\
[tracing]
exporter = otlp
endpoint = {url}
"""
TAKEN = moments.Moment(process="scheduler", words="the work item is taken", before="volsched.scheduler.worker.held")


SECRETIVE = ("volume", "create", "--size", "3", "--name", "hidden", "--metadata", "a=hidden", "--no-wait")
FORGOTTEN = {
    "id": "r1",
    "project_id": "p",
    "volume_type_id": "",
    "volumes": 1,
    "gigabytes": 1,
    "expires_at": datetime(2020, 1, 1),
}


class Services:
    """The services of a fleet, by what they say."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def record(self, process: BaseProcess) -> PidFile:
        """Raises AssertionError where it does not say that it runs."""
        found: list[PidFile] = []

        def running() -> bool:
            found[:] = [it for it in PidFiles(str(self.fleet.folder)).alive() if it.pid == process.pid]
            return bool(found)

        self.fleet.until(running)
        return found[0]

    def get(self, process: BaseProcess, page: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.record(process).monitoring or "", timeout=60)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ready(self, process: BaseProcess) -> tuple[int, dict[str, tuple[str, str]]]:
        """The status, and the checks that are not ok."""
        status, body = self.get(process, "/ready")
        checks = json.loads(body)["checks"]
        return status, {name: (it["status"], it["reason"]) for name, it in checks.items() if it["status"] != "ok"}

    def metrics(self, process: BaseProcess) -> dict[tuple[str, ...], float]:
        """Samples by name and the values of their labels."""
        status, body = self.get(process, "/metrics")
        assert status == 200
        return {
            (sample.name.removeprefix("volsched_"), *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }


class TestMonitoring(TestCase):
    def asked(self, fleet: Fleet, file: Path, *arguments: str) -> str:
        """Return the output of a command."""
        command = fleet.start("command", file, *arguments)
        command.join()
        return fleet.log("command", file).read_text()

    def test_health_and_metrics_follow_the_services(self) -> None:
        server = servers.require("postgresql")
        with server.database() as url, Relay(sa.make_url(url).port or 0) as relay:
            through = sa.make_url(url).set(port=relay.port).render_as_string(hide_password=False)
            fleet = self.enterContext(Fleet(self.folder(), through, MONITORING))
            self.services = Services(fleet)
            file = fleet.host("left", "one:40")
            text = file.read_text().replace("[scheduler]", "[scheduler]\naudit_interval = 0.3")
            file.write_text(text)
            scheduler = self.nobody_reports_yet(fleet, file)
            self.work_is_taken_over(fleet, file, scheduler)
            self.drift_shows_up(fleet, scheduler)
            self.counting_goes_on_after_a_reload(fleet, file, scheduler)
            self.the_database_goes_and_comes(fleet, file, scheduler, relay)
            scheduler.terminate()
            scheduler.join()
            self.assertEqual(0, scheduler.exitcode)

    def nobody_reports_yet(self, fleet: Fleet, file: Path) -> BaseProcess:
        doomed = fleet.start("scheduler", file, dies_at=TAKEN)
        fleet.until(lambda: "database" not in self.services.ready(doomed)[1])
        status, wrong = self.services.ready(doomed)
        self.assertEqual((503, {"backends", "reports"}), (status, set(wrong)))
        self.assertEqual(("failed", "no backend has ever reported"), wrong["backends"])
        agent = fleet.start("agent", file)
        fleet.until(lambda: self.services.ready(doomed) == (200, {}))
        fleet.until(lambda: self.services.ready(agent) == (200, {}))
        self.assertLess(0, self.services.metrics(agent)["reports_total", "applied"])
        self.asked(fleet, file, "volume", "create", "--size", "3", "--no-wait")
        doomed.join()
        return fleet.start("scheduler", file)

    def work_is_taken_over(self, fleet: Fleet, file: Path, scheduler: BaseProcess) -> None:
        fleet.until(lambda: not WorkQueue(fleet.database).unfinished())
        seen = self.services.metrics(scheduler)
        self.assertEqual(1, seen["lease_takeovers_total", "scheduler"])
        self.assertEqual(1, seen["decisions_total", "create_volume", "filter", "placed"])
        self.assertEqual(1, seen["claims_total",])
        self.assertEqual(0, seen["queue_length", "queued", "scheduler"])
        self.assertEqual(1, seen["backends", "up"])
        self.assertEqual((1, 0), (seen["pools", "taking_part"], seen["pools", "set_aside"]))
        self.asked(fleet, file, "volume", "create", "--size", "900", "--no-wait")
        fleet.until(lambda: not WorkQueue(fleet.database).unfinished())
        after = self.services.metrics(scheduler)
        self.assertEqual(1, after["decisions_total", "create_volume", "filter", "refused"])
        self.assertEqual(1, after["filter_rejections_total", "capacity"])
        self.assertEqual(1, after["claims_total",])
        self.assertEqual(2, after["work_seconds_count", "create", "scheduler"])
        self.assertLess(seen["choosing_seconds_count",], after["choosing_seconds_count",])

    def drift_shows_up(self, fleet: Fleet, scheduler: BaseProcess) -> None:
        drift = ("drift", "expired reservations")
        self.assertEqual(0, self.services.metrics(scheduler)[drift])
        with fleet.database.transaction() as connection:
            connection.execute(sa.insert(reservations).values(FORGOTTEN))
        fleet.until(lambda: self.services.metrics(scheduler)[drift] == 1)

    def counting_goes_on_after_a_reload(self, fleet: Fleet, file: Path, scheduler: BaseProcess) -> None:
        file.write_text(file.read_text().replace("[scheduler]", "[scheduler]\nclaim_attempts = 9"))
        os.kill(scheduler.pid or 0, signal.SIGHUP)
        fleet.until(lambda: self.services.metrics(scheduler)["reloads_total", "done"] == 1)
        self.asked(fleet, file, "volume", "create", "--size", "1", "--no-wait")
        fleet.until(lambda: self.services.metrics(scheduler)["claims_total",] == 2)
        self.assertEqual(2, self.services.metrics(scheduler)["config_generation",])

    def the_database_goes_and_comes(self, fleet: Fleet, file: Path, scheduler: BaseProcess, relay: Relay) -> None:
        relay.cut()
        fleet.until(lambda: self.services.ready(scheduler)[0] == 503)
        self.assertEqual("failed", self.services.ready(scheduler)[1]["database"][0])
        self.assertEqual(0, self.services.metrics(scheduler)["database_up",])
        self.assertEqual(200, self.services.get(scheduler, "/live")[0])
        output = self.asked(fleet, file, "health", "-f", "json")
        rows = json.loads(output[output.rindex("[\n  {") :])
        self.assertEqual({"volsched-agent", "volsched-scheduler"}, {row["Service"] for row in rows})
        self.assertEqual([(True, False)] * 2, [(row["Live"], row["Ready"]) for row in rows])
        relay.fix()
        fleet.until(lambda: self.services.ready(scheduler)[0] == 200)
        self.assertEqual(1, self.services.metrics(scheduler)["database_up",])

    def test_one_trace_spans_all_processes(self) -> None:
        with Collector() as collector:
            folder = self.folder()
            more = TRACING.format(url=collector.url)
            fleet = self.enterContext(Fleet(folder, f"sqlite:///{folder}/volsched.sqlite", more))
            file = fleet.host("left", "one:40")
            services = [fleet.start(name, file) for name in ("scheduler", "agent")]
            self.asked(
                fleet,
                file,
                *["volume", "create", "--size", "3", "--name", "hidden", "--metadata", "a=hidden", "--no-wait"],
            )
            fleet.until(lambda: WorkQueue(fleet.database).lengths() == {} and list(fleet.disks.glob("*/*/volume-*")))
            for service in services:
                service.terminate()
                service.join()  # it sends what it has not sent yet
            self.assertEqual(PARENTS, parents(collector.spans))
            self.assertEqual(1, len({span.trace for span in collector.spans}))
            self.assertEqual([], [span for span in collector.spans if span.failed])
            values: list[Any] = [value for span in collector.spans for value in span.attributes.values()]
            self.assertNotIn("hidden", " ".join(map(str, values)))
            self.assertNotIn("default", values, "the project's name")


#: (service, span) -> what it is a part of.
PARENTS = {
    ("volsched", "volume create"): None,
    ("volsched", "cast scheduler create"): ("volsched", "volume create"),
    ("volsched-scheduler", "scheduler create"): ("volsched", "cast scheduler create"),
    ("volsched-scheduler", "decide"): ("volsched-scheduler", "scheduler create"),
    ("volsched-scheduler", "claim"): ("volsched-scheduler", "scheduler create"),
    ("volsched-scheduler", "cast agent create"): ("volsched-scheduler", "claim"),
    ("volsched-agent", "agent create"): ("volsched-scheduler", "cast agent create"),
}


def parents(spans: list[Span]) -> dict[tuple[str, str], tuple[str, str] | None]:
    """Each span with the one that it is a part of."""
    names = {span.id: (span.service, span.name) for span in spans}
    return {names[span.id]: names.get(span.parent) for span in spans}
