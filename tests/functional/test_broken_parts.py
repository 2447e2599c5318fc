"""Slow and failing components: a silent bus, an unavailable database, a full disk, a notifier that hangs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest import SkipTest

import sqlalchemy as sa

from tests import TestCase, servers
from tests.functional import books
from tests.functional.ailments import full_disk, hanging
from tests.functional.doors import ADDRESS, Door
from tests.functional.fleet import UNIT, Fleet
from tests.functional.hammering import database_of
from tests.functional.services import Service
from volsched.db.backends import Backends
from volsched.db.outbox import Outbox
from volsched.db.records import Messages
from volsched.db.volumes import Volumes
from volsched.model.volume import Volume

#: No request and no stop takes longer, whatever is broken: far more than either needs, far less than a bus that hangs.
BOUND_SECONDS = 60.0


class Broken(TestCase):
    """A scheduler, an agent and commands on one host, with one thick pool."""

    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.stack_ = self.enterContext(ExitStack())

    def fleet(self, url: str = "", more: str = "", pools: str = "thick:100") -> Fleet:
        url = url or f"sqlite:///{self.place}/volsched.db"
        self.fleet_ = self.stack_.enter_context(Fleet(self.place, url, more.format(folder=self.place)))
        self.file = self.fleet_.host("node", pools, thick="thick")
        return self.fleet_

    def services(self, prepared: Callable[[], object] | None = None) -> list[BaseProcess]:
        """An agent and a scheduler, once the pool is known."""
        started = [self.fleet_.start(program, self.file, prepared=prepared) for program in ("agent", "scheduler")]
        self.reported()
        return started

    def reported(self) -> None:
        self.fleet_.until(lambda: Backends(self.fleet_.database).pools())

    def command(self, *arguments: str) -> int:
        """Its exit status, within the bound."""
        process = self.fleet_.start("command", self.file, *arguments)
        process.join(BOUND_SECONDS)
        self.assertIsNotNone(process.exitcode, f"{arguments} takes longer than {BOUND_SECONDS:g} s")
        return int(process.exitcode or 0)

    def create(self, name: str, size: int = 1, *, wait: bool = True) -> int:
        return self.command("volume", "create", "--size", str(size), "--name", name, *([] if wait else ["--no-wait"]))

    def find(self, name: str) -> Volume:
        return Volumes(self.fleet_.database).find(name, None)

    def at_rest(self, name: str) -> Volume:
        self.fleet_.until(lambda: not self.find(name).status.in_progress)
        return self.find(name)

    def ends(self, *processes: BaseProcess) -> None:
        """Each stops within the bound when it is asked to."""
        begun = time.monotonic()
        for process in processes:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGTERM)
        for process in processes:
            process.join(max(0.0, begun + BOUND_SECONDS - time.monotonic()))
            self.assertEqual(0, process.exitcode, self.said())

    def said(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text()}" for log in self.place.glob("*.log"))

    def balanced(self) -> None:
        self.assertEqual([], books.problems(self.fleet_.database, self.fleet_.disks, UNIT))


class TestSilentBus(Broken):
    """It accepts, and never answers."""

    def test_from_the_beginning(self) -> None:
        door = self.stack_.enter_context(Door())
        self.fleet(more=f"\n[messaging]\ntransport_url = rabbit://u:p@{ADDRESS}:{door.port}/\n")
        services = self.services()
        self.assertEqual(0, self.create("it"))
        self.assertEqual(0, self.command("volume", "extend", "it", "--size", "3"))
        self.assertEqual(("available", 3), (self.find("it").status, self.find("it").size_gb))
        self.assertGreater(door.visits, 0)
        self.ends(*services)
        self.balanced()

    def test_from_some_moment_on(self) -> None:
        broker = sa.make_url(servers.require("rabbitmq").url)
        assert broker.port is not None
        door = self.stack_.enter_context(Door(broker.port))
        url = broker.set(port=door.port).render_as_string(hide_password=False)
        self.fleet(more=f"\n[messaging]\ntransport_url = {url}\n")
        with Service("scheduler", self.file) as scheduler, Service("agent", self.file) as agent:
            scheduler.until("ready")
            agent.until("ready")
            self.reported()
            self.assertEqual(0, self.create("first"))
            door.silence()
            self.assertEqual(0, self.create("second"))
            begun = time.monotonic()
            for service in (scheduler, agent):  # fresh interpreters: their exit waits for what was left running
                self.assertEqual(0, service.end(), "".join(service.log))
            self.assertLess(time.monotonic() - begun, BOUND_SECONDS)
        self.balanced()


class DatabaseAwayContract(Broken):
    kind: str

    def test_commands_say_so_and_services_wait_and_go_on(self) -> None:
        url = sa.make_url(database_of(self.kind, self.place, self.stack_))
        assert url.port is not None
        door = self.stack_.enter_context(Door(url.port))
        fleet = self.fleet(url.set(port=door.port).render_as_string(hide_password=False))
        services = self.services()
        self.assertEqual(0, self.create("before", wait=False))
        self.assertEqual("available", self.at_rest("before").status)
        self.assertEqual([0, 0], [self.create(f"during {number}", wait=False) for number in range(2)])
        door.shut()
        self.assertEqual(1, self.create("refused", wait=False))
        self.assertRegex(fleet.log("command", self.file).read_text(), r"does not answer \(.*\); is the server up\?")
        fleet.until(lambda: all("trying again" in fleet.log(each.name, self.file).read_text() for each in services))
        door.open()
        for name in ("during 0", "during 1"):
            self.assertEqual("available", self.at_rest(name).status)
        self.assertEqual(0, self.create("after", wait=False))
        self.assertEqual("available", self.at_rest("after").status)
        self.assertEqual(4, len(Volumes(fleet.database).list()))
        self.ends(*services)
        self.balanced()


class TestPostgreSQLAway(DatabaseAwayContract):
    kind = "postgresql"


class TestMariaDBAway(DatabaseAwayContract):
    kind = "mariadb"


class TestFullDisk(Broken):
    def test_of_an_agent(self) -> None:
        """The pool says that it has room, and its disk has none."""
        fleet = self.fleet(database_of("postgresql", self.place, self.stack_))
        fleet.start("agent", self.file, prepared=partial(full_disk, 16 * UNIT))
        fleet.start("scheduler", self.file)
        self.reported()
        self.create("small", 2, wait=False)
        self.create("large", 20, wait=False)
        self.assertEqual(("available", "error"), (self.at_rest("small").status, self.at_rest("large").status))
        [told] = Messages(fleet.database).of(self.find("large").id, None)
        self.assertIn("its storage reported a problem", told.text)
        self.assertIn("File too large", fleet.log("agent", self.file).read_text())
        self.assertEqual({"node@disk#thick": 2.0}, books.placed(fleet.database))
        self.assertEqual(["small"], [self.name_of(file) for file in fleet.disks.glob("*/*/*volume-*")], "half a file")
        self.balanced()
        self.command("volume", "extend", "small", "--size", "30", "--no-wait")
        self.assertEqual(("error_extending", 2), (self.at_rest("small").status, self.find("small").size_gb))
        self.assertEqual({"node@disk#thick": 2.0}, books.placed(fleet.database))
        self.assertEqual([2 * UNIT], [file.stat().st_size for file in fleet.disks.glob("*/*/*volume-*")])

    def name_of(self, file: Path) -> str | None:
        return Volumes(self.fleet_.database).get(file.name.removeprefix("volume-")).name

    def test_of_the_database(self) -> None:
        disk = self.small_disk(kilobytes=8192)
        fleet = self.fleet(f"sqlite:///{disk}/volsched.db")
        self.assertEqual(0, self.create("before"))
        with (disk / "filler").open("wb", buffering=0) as filler:
            with self.assertRaises(OSError):
                while True:
                    filler.write(b"x" * 65536)
            filler.truncate(filler.tell() - 160 * 1024)
            statuses = []
            while 1 not in statuses:
                statuses.append(self.create(f"number {len(statuses)}", wait=False))
                self.assertLess(len(statuses), 50, "the disk never got full")
        said = fleet.log("command", self.file).read_text()
        self.assertRegex(said, "cannot be used: (database or disk is full|disk I/O error; is its disk full)")
        (disk / "filler").unlink()
        with closing(sqlite3.connect(disk / "volsched.db")) as connection:
            self.assertEqual(("ok",), connection.execute("PRAGMA integrity_check").fetchone())
        self.assertEqual(0, self.create("after"), self.said()[-1500:])
        there = {volume.name: volume.status for volume in Volumes(fleet.database).list()}
        accepted = [f"number {number}" for number, status in enumerate(statuses) if status == 0]
        self.assertEqual(dict.fromkeys(["before", *accepted, "after"], "available"), there)
        self.balanced()

    def small_disk(self, kilobytes: int) -> Path:
        """A file system of this size, in memory, where we may mount one."""
        disk = self.folder()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk], capture_output=True, text=True
        )
        if mounted.returncode != 0:
            raise SkipTest(f"no file system can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        return disk


HANGING = """
[notifications]
notifiers = told, log
timeout = 0.5
tries = 2
first_pause = 0.1

[notifier_told]
driver = jsonl
path = {folder}/events.jsonl
"""


class TestHangingNotifier(Broken):
    def test_the_others_are_told_and_placing_goes_on_and_it_is_parked(self) -> None:
        fleet = self.fleet(more=HANGING)
        hangs = partial(hanging, "volsched_drivers.notifiers.log.LogNotifier.notify")
        services = self.services(prepared=hangs)
        for number in range(3):
            self.create(f"number {number}", wait=False)
        for number in range(3):
            self.assertEqual("available", self.at_rest(f"number {number}").status)
        outbox = Outbox(fleet.database)
        happened = [event for volume in Volumes(fleet.database).list() for event in outbox.of(volume.id)]
        file = self.place / "events.jsonl"
        fleet.until(lambda: file.exists() and all(event.id in file.read_text() for event in happened))
        fleet.until(lambda: outbox.parked("log"))
        self.assertRegex(outbox.parked("log")[0][2], "no answer within 0.5 s|still hang")
        self.assertEqual([], list(outbox.parked("told")))
        self.ends(*services)
        self.balanced()


del DatabaseAwayContract, Broken
