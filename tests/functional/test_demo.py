from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import ddt

from tests import TestCase
from tests.functional.program import Program

MIB = 1 << 20
PATIENCE_SECONDS = 60


def rows_of(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the demonstration's database says, read by SQLite alone."""
    with closing(sqlite3.connect(f"file:{folder / 'volsched.db'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


class TestDemo(TestCase):
    """The whole demonstration, and whether what it says is true."""

    folder_: ClassVar[Path]
    facts: ClassVar[dict[str, Any]]

    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.program = Program(self.place)

    def test_everything_it_says_is_in_the_database_and_in_the_folder(self) -> None:
        folder = self.place / "here"
        ran = self.program.run("demo", "--folder", str(folder), "-f", "json")
        self.assertEqual((0, ""), (ran.status, ran.errors))
        facts = ran.json()
        self.assertEqual(str(folder), facts["folder"])
        self._check_world(facts)
        self._check_volumes(folder, facts["volumes"])
        self._check_drivers(folder, facts)
        self._check_refusal(folder, facts["refused"])
        self._check_managed(facts["managed"])
        self._check_revert(facts["reverted"])
        self._check_pools(folder, facts["pools_after"], facts["volumes"])

    def _check_world(self, facts: dict[str, Any]) -> None:
        before = facts["pools_before"]
        self.assertEqual(5, len(before))
        self.assertEqual({"east", "west"}, {pool["zone"] for pool in before})
        self.assertEqual({"thin", "thick"}, {pool["kind"] for pool in before})
        self.assertEqual(3, len({pool["pool"].partition("#")[0] for pool in before}))
        self.assertEqual([0.0] * 5, [pool["taken_gb"] for pool in before])
        self.assertEqual(2, len(facts["types"]))

    def _check_volumes(self, folder: Path, volumes: list[dict[str, Any]]) -> None:
        made = [volume for volume in volumes if volume["status"] == "available"]
        self.assertEqual(13, len(made))  # a dozen, and the file that was taken over
        stored = rows_of(folder, "SELECT id, name, status, size_gb, host, provider_location FROM volumes")
        self.assertEqual(len(volumes), len(stored))
        by_id = {row[0]: row for row in stored}
        for volume in volumes:
            _, name, status, size_gb, host, location = by_id[volume["id"]]
            self.assertEqual(
                (name, status, size_gb, host),
                (volume["name"], volume["status"], volume["size_gb"], volume["pool"]),
            )
            if volume["file"] is not None:
                file = folder / volume["file"]
                self.assertEqual(str(file), location)
                self.assertEqual(size_gb * MIB, file.stat().st_size)
        found = {str(file.relative_to(folder)) for file in folder.glob("*/*/volume-*")}
        self.assertEqual({volume["file"] for volume in made}, found)

    def _check_drivers(self, folder: Path, facts: dict[str, Any]) -> None:
        self.assertEqual((8, 4), (len(facts["placed_by_filter"]), len(facts["placed_by_chance"])))
        self.assertIn("driver = chance", (folder / "volsched.conf").read_text())
        host = {volume["id"]: volume["pool"] for volume in facts["volumes"]}
        for placed in (*facts["placed_by_filter"], *facts["placed_by_chance"]):
            self.assertEqual(host[placed["id"]], placed["pool"])

    def _check_refusal(self, folder: Path, refused: dict[str, Any]) -> None:
        self.assertEqual("error", refused["status"])
        self.assertRegex(refused["message"], r"^no storage could take \d+ GiB: turned away by capacity")
        self.assertRegex(refused["decision"]["reason"], r"GiB asked, .* GiB left")
        self.assertEqual(0, refused["decision"]["ranked_count"])
        stored = rows_of(folder, f"SELECT outcome FROM decisions WHERE volume_id = '{refused['id']}'")
        self.assertEqual([("refused",)], stored)

    def _check_managed(self, managed: dict[str, Any]) -> None:
        file = Path(managed["path"])
        self.assertTrue(file.read_bytes().startswith(b"not made by volsched\n"))
        self.assertEqual(["volume-" + managed["id"]], [file.name])

    def _check_revert(self, reverted: dict[str, Any]) -> None:
        self.assertEqual(reverted["before"], reverted["after"])
        self.assertEqual(0, reverted["after"]["reserved"])
        self.assertEqual("failed, then reverted", reverted["tasks"]["ManageCastTask"])
        self.assertEqual("done, then reverted", reverted["tasks"]["EntryCreateTask"])

    def _check_pools(self, folder: Path, pools: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
        for pool in pools:
            kept = [volume["size_gb"] for volume in volumes if volume["pool"] == pool["pool"]]
            self.assertEqual(sum(kept), pool["taken_gb"])
            self.assertLessEqual(pool["taken_gb"], pool["limit_gb"])
            backend, name = pool["pool"].partition("@")[2].split("#")
            blocks = sum(file.stat().st_blocks * 512 for file in (folder / backend / name).iterdir())
            if pool["kind"] == "thick":  # every block is there
                self.assertGreaterEqual(blocks, sum(kept) * MIB)

    def test_the_story_is_told_and_the_folder_removed(self) -> None:
        folder = self.place / "here"
        ran = self.program.run("demo", "--folder", str(folder), "--remove")
        self.assertEqual((0, ""), (ran.status, ran.errors))
        for words in (
            "5 pools on 3 storage backends, in the zones east and west",
            "8 volumes, placed by the scheduler driver `filter`",
            "4 volumes, placed by the scheduler driver `chance`",
            "Decision: no pool for 12 GiB",
            "Every notifier received: scheduler.create_volume (NoValidBackend)",
            "EntryCreateTask        done, then reverted",
            "The pools afterwards",
        ):
            self.assertIn(words, ran.output)
        self.assertFalse(folder.exists())

    def test_a_folder_with_something_in_it_is_left_alone(self) -> None:
        (self.place / "mine").write_text("precious")
        for more in ((), ("--again",)):
            ran = self.program.run("demo", "--folder", str(self.place), *more)
            self.assertEqual(2, ran.status)
            self.assertIn(f"--folder: {self.place} is not empty", ran.errors)
        self.assertEqual("precious", (self.place / "mine").read_text())


def _line(beginning: str) -> Callable[[subprocess.Popen[str], Path], None]:
    """Wait for a line of output that begins so."""

    def wait(process: subprocess.Popen[str], folder: Path) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(beginning):
                return
        raise AssertionError(f"the demonstration ended without a line {beginning!r}")

    return wait


def _configured(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until there is a configuration file: what a person would give the next command."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (folder / "volsched.conf").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError("the demonstration ended without a configuration file")


def _volumes(count: int) -> Callable[[subprocess.Popen[str], Path], None]:
    """Wait until so many volumes have a file, which is in the middle of making the next one."""

    def wait(process: subprocess.Popen[str], folder: Path) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while len(list(folder.glob("*/*/volume-*"))) < count:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the demonstration ended before there were {count} volumes")

    return wait


MOMENTS = {
    "configured": _configured,
    "pools": _line("1. "),
    "types": _line("2. "),
    "first_volume": _volumes(1),
    "sixth_volume": _volumes(6),
    "refused": _line("4. "),
    "reverted": _line("7. "),
}


@ddt.ddt
class TestKilled(TestCase):
    """The demonstration is killed, and the next command works."""

    @ddt.data(*MOMENTS)
    def test_killed_at(self, moment: str) -> None:
        place = self.folder()
        folder = place / "demo"
        with Program(place).start("demo", "--folder", str(folder)) as process:
            try:
                MOMENTS[moment](process, folder)
            finally:
                process.send_signal(signal.SIGKILL)
        self.assertEqual(-signal.SIGKILL, process.returncode)

        program = Program(place, folder / "volsched.conf")
        listed = program.run("volume", "list", "-f", "json")
        self.assertEqual((0, ""), (listed.status, listed.errors))
        self._check_whole(folder)

        created = program.run("volume", "create", "--size", "1", "--zone", "west", "-f", "json")
        self.assertEqual((0, "available"), (created.status, created.json()["Status"]), created.errors)
        self.assertEqual([], rows_of(folder, "SELECT id FROM volumes WHERE status IN ('creating', 'managing')"))
        self.assertEqual([], [str(part) for part in folder.glob("*/*/.volume-*")])
        self._check_whole(folder)

    def _check_whole(self, folder: Path) -> None:
        """A volume that is said to be available has all of its file, and its claim."""
        query = "SELECT id, size_gb, provider_location FROM volumes WHERE status = 'available'"
        claimed = {row[0] for row in rows_of(folder, "SELECT volume_id FROM claims")}
        for volume_id, size_gb, location in rows_of(folder, query):
            self.assertEqual(size_gb * MIB, os.stat(location).st_size)
            self.assertIn(volume_id, claimed)
