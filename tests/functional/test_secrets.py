"""A password in every place that may contain one does not appear in any output or file."""

from __future__ import annotations

import io
import json
import logging
import os
import traceback
import unittest.mock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests import TestCase
from volsched import conf
from volsched.cli.main import Program
from volsched.db.database import Database
from volsched.service import pidfile
from volsched.service.application import open_application
from volsched.service.generation import CurrentApplication, DeliveryLoop
from volsched.service.reload import Reloader

#: As it is, and as a URL has it.
SECRET, QUOTED = "kaput/4711-is-nobodys-business", "kaput%2F4711-is-nobodys-business"
SETTINGS = """
[paths]
state_path = {folder}/state
[database]
connection = {database}
[messaging]
transport_url = {bus}
[compute]
auth_url = http://127.0.0.1:1/v3
password = {secret}
[scheduler]
filters = capacity
poll_interval = 0.05
[agent]
host = node1
backends = disk1
[backend_disk1]
driver = directory
path = {folder}/disk1
pools = a
unit_bytes = 4096
[notifications]
notifiers = hook, bus
[notifier_hook]
driver = webhook
url = http://127.0.0.1:1/{quoted}
secret = {secret}
[notifier_bus]
driver = messaging
transport_url = {bus}
"""
BUS = f"rabbit://volsched:{QUOTED}@127.0.0.1:1/"
SERVERS = (
    f"postgresql+psycopg://volsched:{QUOTED}@127.0.0.1:1/volsched",
    f"mysql+pymysql://volsched:{QUOTED}@127.0.0.1:1/volsched",
)
COMMANDS = (
    ("config", "show", "--all"),
    ("config", "show", "--all", "--origin", "-f", "json"),
    ("config", "check"),
    ("doctor",),
    ("policy", "list"),
    ("volume", "list"),
    ("volume", "create", "--size", "1", "--no-wait"),
    ("db", "version"),
    ("pool", "list"),
)


class TestSecrets(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.said = io.StringIO()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self.enterContext(unittest.mock.patch.dict(os.environ, kept, clear=True))

    def file(self, database: str, bus: str = BUS) -> Path:
        file = self.place / "volsched.conf"
        values = {"folder": self.place, "secret": SECRET, "quoted": QUOTED, "bus": bus}
        file.write_text(SETTINGS.format(**values, database=database))
        return file

    @contextmanager
    def everything_logged(self) -> Iterator[None]:
        """What any library logs, at every level, as the log file of a service with --debug has it."""
        handler = logging.StreamHandler(self.said)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s %(args)s"))
        root, level = logging.getLogger(), logging.getLogger().level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def type_all(self, file: Path) -> None:
        for command in COMMANDS:
            for debug in ((), ("--debug",)):
                with (
                    unittest.mock.patch("sys.stdout", self.said),
                    unittest.mock.patch("sys.stderr", self.said),
                    unittest.mock.patch.object(Program, "configure_logging"),
                ):
                    try:
                        Program().run(["--config-file", str(file), *debug, *command])
                    except Exception:  # noqa: BLE001 - what --debug shows
                        traceback.print_exc(file=self.said)

    def hunt(self) -> None:
        said = self.said.getvalue()
        for each in (SECRET, QUOTED, "4711"):
            with self.subTest(each):
                lines = [line for line in said.splitlines() if each in line]
                self.assertEqual([], lines)
        for path in self.place.rglob("*"):
            if path.is_file() and path.name != "volsched.conf":
                with self.subTest(path=path.relative_to(self.place)):
                    self.assertNotIn(b"4711", path.read_bytes())

    def test_servers_that_cannot_be_reached(self) -> None:
        for database in SERVERS:
            with self.everything_logged(), unittest.mock.patch("volsched.db.database.MOST_RECONNECTS", 1):
                self.type_all(self.file(database))
        self.assertIn("127.0.0.1", self.said.getvalue(), "the hunt must see what there is to see")
        self.hunt()

    def test_what_is_kept_and_what_services_say(self) -> None:
        file = self.file(f"sqlite:///{self.place}/state/volsched.db")
        configuration = conf.load([str(file)])
        database = Database.configured(configuration)
        database.upgrade()
        database.close()
        with self.everything_logged():
            with open_application(configuration) as application:
                application.report()
                made = application.api({"is_admin": True, "project_id": "p"}).volumes.create(size_gb=1)
                while application.scheduler.work_once() or application.agent.work_once():
                    continue
                self.said.write(json.dumps(dict(application.api({"is_admin": True}).volumes.explain(made.id))))
                while application.delivery.deliver_once():  # neither of the two notifiers gets through
                    continue
                current = CurrentApplication(application)
                reloader = Reloader(current, DeliveryLoop(current), lambda: conf.load([str(file)]))
                file.write_text(file.read_text() + f"\n[filter_capacity]\nnonsense = {SECRET}\n")
                self.refused(reloader)
            self.type_all(file)
        self.assertTrue(list((self.place / "state").rglob("run/*.json")))
        self.hunt()

    def refused(self, reloader: Reloader) -> None:
        """What a service that refused to reload keeps about itself."""
        records = pidfile.PidFiles(str(self.place / "state"))
        done = reloader.reload()
        self.assertIsNotNone(done.problem)
        records.write(replace(pidfile.made("volsched-scheduler", (), done.generation), problem=done.problem))
