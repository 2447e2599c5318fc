"""The crash matrix, embedded: a process is killed between any two steps, and the next one completes the request."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path
from typing import ClassVar

from tests import TestCase
from tests.functional import books
from tests.functional.fleet import start
from tests.functional.moments import MOMENTS, Moment
from tests.functional.program import PATIENCE_SECONDS, ROOT
from volsched.db.database import Database
from volsched.db.records import Messages
from volsched.db.volumes import Volumes
from volsched.model.volume import Volume

UNIT = 4096
POOL = "node@disk#thick"
CONFIGURATION = """\
[paths]
state_path = {folder}

[notifications]
notifiers = told

[notifier_told]
driver = jsonl
path = {folder}/events.jsonl

[agent]
host = node
backends = disk

[backend_disk]
driver = directory
path = {folder}/disks/disk
pools = thick
thick_pools = thick
pool_size_gb = thick:200
unit_bytes = 4096
"""


class Killed(TestCase):
    """Commands of the embedded form, each in a process of its own, in a folder that the tests of a class share."""

    folder_: ClassVar[Path]
    database: ClassVar[Database]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder_ = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="volsched-test-"))).resolve()
        (cls.folder_ / "volsched.conf").write_text(CONFIGURATION.format(folder=cls.folder_))
        cls.database = Database(f"sqlite:///{cls.folder_}/volsched.db")
        cls.addClassCleanup(cls.database.close)
        cls.database.upgrade()

    def command(self, *arguments: str, dies_at: Moment | None = None) -> int:
        """The exit status; -9 where it was killed."""
        log = self.folder_ / "log"
        process = start("command", self.folder_ / "volsched.conf", *arguments, log=log, dies_at=dies_at)
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, log.read_text()
        return process.exitcode

    def killed(self, operation: str, *arguments: str) -> None:
        """At each moment of the operation; {} in the arguments is the volume's name."""
        for number, moment in enumerate(MOMENTS[operation]):
            with self.subTest(moment=f"{moment.process}: {moment.words}"):
                name = f"{operation.partition(',')[0]}-{number}"
                self.prepare(name)
                status = self.command(*(part.format(name) for part in arguments), dies_at=moment)
                self.assertEqual(-signal.SIGKILL, status, (self.folder_ / "log").read_text())
                self.assertEqual(0, self.command("volume", "create", "--size", "1", "--name", f"after {name}"))
                self.assertEqual([], books.problems(self.database, self.folder_ / "disks", UNIT))
                self.assertEqual(set(), self.untold())
                found = [volume for volume in Volumes(self.database).list() if volume.name == name]
                self.check(found, asked=moment.asked)

    def prepare(self, name: str) -> None:
        """What has to be there before the request."""

    def check(self, found: list[Volume], *, asked: bool) -> None:
        """What became of the request; `asked`: it was in the database before the process died."""
        raise NotImplementedError

    def untold(self) -> set[str]:
        """Events that the notifier was not told."""
        file = self.folder_ / "events.jsonl"
        told = {json.loads(line)["id"] for line in file.read_text().splitlines()} if file.exists() else set()
        with self.database.transaction() as connection:
            return {row[0] for row in connection.exec_driver_sql("SELECT id FROM events")} - told

    def create(self, name: str, size: int) -> None:
        self.command("volume", "create", "--size", str(size), "--name", name)


class TestCreateKilled(Killed):
    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual(["available"] * asked, [volume.status for volume in found])

    def test_create(self) -> None:
        self.killed("create", "volume", "create", "--size", "2", "--name", "{}")


class TestRefusedCreateKilled(Killed):
    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual(["error"], [volume.status for volume in found])
        self.assertEqual(1, len(Messages(self.database).of(found[0].id, None)))

    def test_create(self) -> None:
        self.killed("create, refused", "volume", "create", "--size", "900", "--name", "{}")


class TestManageKilled(Killed):
    def setUp(self) -> None:
        super().setUp()
        self.command("pool", "list")  # the backend marks its pools while their folders are empty

    def prepare(self, name: str) -> None:
        file = self.folder_ / "disks" / "disk" / "thick" / f"{name}.img"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * UNIT * 3)

    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual([("available", 3)] * asked, [(volume.status, volume.size_gb) for volume in found])

    def test_manage(self) -> None:
        self.killed("manage", "volume", "manage", POOL, "{}.img", "--name", "{}")


class TestRevertedManageKilled(Killed):
    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual([], found)

    def test_manage(self) -> None:
        self.create("first", 1)
        self.killed("manage, reverted", "volume", "manage", POOL, "nosuch.img", "--name", "{}")


class TestExtendKilled(Killed):
    def prepare(self, name: str) -> None:
        self.create(name, 1)

    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual([("available", 3 if asked else 1)], [(volume.status, volume.size_gb) for volume in found])

    def test_extend(self) -> None:
        self.killed("extend", "volume", "extend", "{}", "--size", "3")


class TestRefusedExtendKilled(Killed):
    def prepare(self, name: str) -> None:
        self.create(name, 1)

    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual([("available", 1)], [(volume.status, volume.size_gb) for volume in found])
        self.assertEqual(1, len(Messages(self.database).of(found[0].id, None)))

    def test_extend(self) -> None:
        self.killed("extend, refused", "volume", "extend", "{}", "--size", "900")


class TestDeleteKilled(Killed):
    def prepare(self, name: str) -> None:
        self.create(name, 1)

    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual(["available"] * (not asked), [volume.status for volume in found])

    def test_delete(self) -> None:
        self.killed("delete", "volume", "delete", "{}")


class TestDeleteOfWhatWasNeverPlacedKilled(Killed):
    def prepare(self, name: str) -> None:
        self.create(name, 900)

    def check(self, found: list[Volume], *, asked: bool) -> None:
        self.assertEqual(["error"] * (not asked), [volume.status for volume in found])

    def test_delete(self) -> None:
        self.killed("delete, never placed", "volume", "delete", "{}")


class TestTable(TestCase):
    def test_the_documentation_names_each_moment(self) -> None:
        lines = (ROOT / "doc" / "explanation" / "crash-recovery.rst").read_text().splitlines()
        cells = [line[7:] for line in lines if line.startswith(("   * - ", "     - "))][5:]
        named = list(zip(cells[0::5], cells[1::5], cells[2::5], strict=True))
        tried = [(asked, moment.process, moment.words) for asked, moments in MOMENTS.items() for moment in moments]
        self.assertEqual(tried, named)
