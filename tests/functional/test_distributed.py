"""The distributed form: schedulers, agents, and commands as processes, with a real broker and database."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import Any

from tests import TestCase, servers
from tests.functional.program import WarmProgram
from tests.functional.services import Service

CONFIGURATION = """\
[paths]
state_path = {folder}

[database]
connection = {database}

[messaging]
transport_url = {bus}

[scheduler]
poll_interval = 1
lease_seconds = 3

[notifications]
notifiers = told

[notifier_told]
driver = jsonl
path = {folder}/events.jsonl

[agent]
host = {host}
backends = disk
report_interval = 1

[backend_disk]
driver = directory
path = {folder}/{host}
pools = one, two
thick_pools = two
pool_size_gb = one:40, two:20
unit_bytes = 65536
"""


class TestDistributed(TestCase):
    """Two schedulers and two agents on PostgreSQL and RabbitMQ; commands only ask and wait."""

    def setUp(self) -> None:
        self.stack_ = self.enterContext(ExitStack())
        self.place = self.folder()
        database = self.stack_.enter_context(servers.require("postgresql").database())
        bus = servers.require("rabbitmq").url
        self.files = {}
        for host in ("left", "right"):
            file = self.place / f"{host}.conf"
            file.write_text(CONFIGURATION.format(folder=self.place, database=database, bus=bus, host=host))
            self.files[host] = file
        self.program = WarmProgram(self.place, self.files["left"])
        upgraded = self.program.run("db", "upgrade")
        self.assertEqual(0, upgraded.status, upgraded.errors)

    def service(self, name: str, host: str) -> Service:
        service = self.stack_.enter_context(Service(name, self.files[host]))
        service.until(f"volsched-{name}: ready")
        return service

    def created(self, *arguments: str) -> dict[str, Any]:
        ran = self.program.run("volume", "create", *arguments, "-f", "json")
        self.assertEqual(0, ran.status, ran.errors)
        return dict(ran.json())

    def test_the_work_is_done_elsewhere_and_survives_a_killed_scheduler(self) -> None:
        agents = [self.service("agent", host) for host in ("left", "right")]
        doomed, survivor = self.service("scheduler", "left"), self.service("scheduler", "right")
        self.assertEqual("available", self.created("--size", "3", "--name", "first")["Status"])
        doomed.process.send_signal(signal.SIGKILL)
        doomed.process.wait()
        for number in range(3):
            self.assertEqual("available", self.created("--size", "2", "--name", f"later-{number}")["Status"])
        listed = self.program.run("volume", "list", "-f", "json").json()
        self.assertEqual({"available"}, {volume["Status"] for volume in listed})
        self.assertEqual(4, len(list(self.place.glob("*/*/volume-*"))))
        refused = self.program.run("volume", "create", "--size", "900")
        self.assertEqual(1, refused.status)
        for service in (survivor, *agents):
            self.assertEqual(0, service.end(), "".join(service.log))

    def test_what_waits_for_a_dead_agent_is_done_when_it_comes_back(self) -> None:
        doomed = self.service("agent", "left")
        scheduler = self.service("scheduler", "right")
        self.created("--size", "1", "--name", "seen")
        doomed.process.send_signal(signal.SIGKILL)
        doomed.process.wait()
        asked = self.program.run("volume", "create", "--size", "2", "--name", "waiting", "--no-wait", "-f", "json")
        self.assertEqual(0, asked.status, asked.errors)
        again = self.service("agent", "left")
        done = self.program.run("volume", "show", "waiting", "--wait", "-f", "json")
        self.assertEqual(("available", 0), (done.json()["Status"], done.status), done.errors)
        for service in (scheduler, again):
            self.assertEqual(0, service.end(), "".join(service.log))
