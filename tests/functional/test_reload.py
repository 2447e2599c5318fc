"""Reload of running services: a valid configuration is applied completely, an invalid one changes nothing."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from tests import TestCase
from tests.functional.program import PATIENCE_SECONDS, WarmProgram
from tests.functional.services import Service
from volsched import conf
from volsched.db.database import Database
from volsched.model.volume import Volume
from volsched.service.application import open_application

CONTEXT = {"project_id": "p1", "user_id": "u1", "is_admin": True}
SETTINGS = """
[paths]
state_path = {folder}
[database]
connection = sqlite:///{folder}/volsched.sqlite?timeout=30
[scheduler]
poll_interval = 0.05
filters = capacity
[agent]
host = node1
backends = disk1
[backend_disk1]
driver = directory
path = {folder}/disk1
pools = a, b
pool_size_gb = a:100, b:200
unit_bytes = 4096
[notifications]
notifiers = ops, audit
[notifier_ops]
driver = jsonl
path = {folder}/ops.jsonl
[notifier_audit]
driver = jsonl
path = {folder}/audit.jsonl
"""


class ReloadTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.file = self.home / "volsched.conf"
        self.file.write_text(SETTINGS.format(folder=self.home))
        configuration = conf.load([str(self.file)], use_env=False)
        database = Database.configured(configuration)
        database.upgrade()
        database.close()
        self.application = self.enterContext(open_application(configuration))
        self.application.report()

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        self.assertIn(old, text)
        self.file.write_text(text.replace(old, new))

    def decided(self) -> dict[str, Any]:
        """What the scheduler, which runs elsewhere, decides for a new volume."""
        volume: Volume = self.application.api(CONTEXT).volumes.create(size_gb=1)
        self.eventually(lambda: self.application.stores.volumes.get(volume.id).host is not None)
        return self.application.api(CONTEXT).volumes.explain(volume)

    def eventually(self, true: Any) -> None:
        """Raises AssertionError where it does not come true."""
        end, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while not true():
            self.assertLess(time.monotonic(), end)
            pause.wait(0.02)

    def events(self, name: str) -> int:
        file = self.home / f"{name}.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def test_scheduler_reloads_between_two_requests(self) -> None:
        with Service("scheduler", self.file) as scheduler:
            scheduler.until("ready")
            first = self.decided()
            self.assertEqual(["capacity"], [step["filter"] for step in first["filters"]])
            self.assertEqual(1, first["config_generation"])
            self.eventually(lambda: self.events("ops") > 0 and self.events("ops") == self.events("audit"))

            with self.subTest("a good one is taken up"):
                self.change("filters = capacity\n", "filters = capabilities, capacity\n")
                self.change("notifiers = ops, audit", "notifiers = ops, third")
                self.change("notifier_audit", "notifier_third")
                self.change("audit.jsonl", "third.jsonl")
                scheduler.reload()
                line = scheduler.until("configuration reloaded")
                self.assertIn("now generation 2", line)
                self.assertIn("[scheduler] filters", line)
                before, ops = self.events("audit"), self.events("ops")
                second = self.decided()
                self.assertEqual(["capabilities", "capacity"], [step["filter"] for step in second["filters"]])
                self.assertEqual(2, second["config_generation"])
                self.eventually(lambda: self.events("third") > 0 and self.events("ops") > ops)
                self.assertEqual(before, self.events("audit"), "it is not among the notifiers any more")

            with self.subTest("a bad one changes nothing, and all errors are logged"):
                self.change("filters = capabilities, capacity\n", "filters = capcity\nmax_attempts = 0\n")
                scheduler.reload()
                scheduler.until("configuration not reloaded, nothing has changed")
                scheduler.until("VS108 [scheduler] max_attempts")
                scheduler.until("VS101 [scheduler] filters")
                third = self.decided()
                self.assertEqual(["capabilities", "capacity"], [step["filter"] for step in third["filters"]])
                self.assertEqual(2, third["config_generation"])

            with self.subTest("the command refuses a bad one before it asks any service"):
                refused = WarmProgram(self.home, self.file).run("config", "reload")
                self.assertEqual(2, refused.status, refused.errors)
                self.assertIn("2 problems; no service was asked to reload", refused.errors)

            with self.subTest("the command prints the result and the options that need a restart"):
                self.change("filters = capcity\nmax_attempts = 0\n", "filters = capacity\n")
                self.change("timeout=30", "timeout=31")
                self.change("host = node1", "host = node2")
                reloaded = WarmProgram(self.home, self.file).run("config", "reload", "-f", "json")
                self.assertEqual(0, reloaded.status, reloaded.errors)
                (row,) = reloaded.json()
                self.assertEqual(("volsched-scheduler", 3, True), (row["Service"], row["Generation"], row["Reloaded"]))
                self.assertEqual(["[agent] host", "[database] connection"], row["Until Restart"])
                self.assertEqual(3, self.decided()["config_generation"])

            self.assertEqual(0, scheduler.end())
            log = scheduler.rest()
        self.assertIn("[database] connection cannot be reloaded", log)
        self.assertNotIn("sqlite", log, "its value may hold a password")
        self.assertNotIn("Traceback", log)
        self.assertEqual([], list((self.home / "run").iterdir()))
        self.numbers()

    def numbers(self) -> None:
        """Each generation is kept with its time and its files."""
        kept = [json.loads(line) for line in (self.home / "configurations.jsonl").read_text().splitlines()]
        self.assertEqual([1, 2, 3], [line["generation"] for line in kept])
        self.assertEqual({str(self.file)}, {Path(file).as_posix() for line in kept for file in line["files"]})

    def made(self) -> None:
        """A volume, placed here and made by an agent that runs elsewhere."""
        volume: Volume = self.application.api(CONTEXT).volumes.create(size_gb=1)
        self.assertTrue(self.application.scheduler.work_once())
        self.eventually(lambda: self.application.api(CONTEXT).volumes.get(volume).status == "available")

    def test_agent_keeps_its_backends_until_a_restart(self) -> None:
        with Service("agent", self.file) as agent:
            agent.until("ready")
            self.made()

            with self.subTest("a good one is taken up, but for what the backends are"):
                self.change("notifiers = ops, audit", "notifiers = ops, third")
                self.change("notifier_audit", "notifier_third")
                self.change("audit.jsonl", "third.jsonl")
                self.change("a:100", "a:50")
                agent.reload()
                self.assertIn("now generation 2", agent.until("configuration reloaded"))
                agent.until("[backend_disk1] pool_size_gb cannot be reloaded")
                self.made()
                self.eventually(lambda: self.events("third") > 0)
                self.application.pools.sync()
                sizes = {pool.name: pool.total_gb for pool in self.application.pools.table().pools}
                self.assertEqual({"a": 100.0, "b": 200.0}, sizes)

            with self.subTest("a bad one changes nothing"):
                self.change("notifiers = ops, third", "notifiers = ops, nobody")
                agent.reload()
                agent.until("configuration not reloaded, nothing has changed")
                before = self.events("third")
                self.made()
                self.eventually(lambda: self.events("third") > before)

            self.assertEqual(0, agent.end())
        self.assertEqual([], list((self.home / "run").iterdir()))

    def test_reload_without_a_service_is_an_error(self) -> None:
        done = WarmProgram(self.home, self.file).run("config", "reload")
        self.assertEqual(1, done.status)
        self.assertIn(f"no service with its state in {self.home} runs on this machine", done.errors)
