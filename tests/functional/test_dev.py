"""`volsched dev`: the distributed form on one machine with real servers, from start to removal."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests import TestCase, servers
from tests.functional import fleet
from tests.functional.program import PATIENCE_SECONDS, Ran
from volsched.ops.devcluster.plan import read


def is_running(pid: int) -> bool:
    """Return whether a process runs; an ended one stays in the list until its parent collects it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _set(variable: str, value: str) -> None:
    os.environ[variable] = value


class TestDev(TestCase):
    prepared: Callable[[], object] | None = None

    def setUp(self) -> None:
        super().setUp()
        for kind in ("postgresql", "rabbitmq"):
            servers.require_installed(kind)
        above = self.folder()
        above.chmod(0o711)  # the servers run as other users
        self.place = above / "dev"
        self.addCleanup(self.dev, "down")

    def run_(self, file: Path, *arguments: str) -> Ran:
        """A command of volsched, forked from a process that has everything imported."""
        log = self.place.parent / "output"
        log.unlink(missing_ok=True)
        process = fleet.start("command", file, *arguments, log=log, prepared=self.prepared)
        process.join(PATIENCE_SECONDS)
        output = log.read_text()
        start = min((at for at in (output.find("\n[") + 1, output.find("\n{") + 1) if at), default=0)
        return Ran(arguments, -1 if process.exitcode is None else process.exitcode, output[start:], output)

    def dev(self, command: str, *arguments: str) -> Ran:
        return self.run_(Path(os.devnull), "dev", command, "--folder", str(self.place), *arguments)

    def up(self) -> dict[str, Any]:
        ran = self.dev("up", "--schedulers", "1", "--agents", "1", "-f", "json")
        self.assertEqual(0, ran.status, ran.errors)
        return dict(ran.json())

    def pids(self) -> dict[str, int | None]:
        return {part["Part"]: part["PID"] for part in self.dev("status", "-f", "json").json()}

    def test_installation_starts_stops_and_is_removed(self) -> None:
        made = self.up()
        parts = {part["name"]: part for part in made["parts"]}
        self.assertEqual(["postgresql", "rabbitmq", "epmd", "scheduler-1", "agent-1"], list(parts))
        self.assertEqual({"ready"}, {part["state"] for part in parts.values()})
        file = Path(made["config_file"])

        with self.subTest("secrets are readable by the owner only"):
            plan = read(self.place)
            assert plan is not None
            holders = [path for path in self.place.rglob("*") if path.is_file() and self.contains(path, plan.password)]
            self.assertLessEqual({"cluster.json", "volsched.conf", "rabbitmq.conf"}, {path.name for path in holders})
            for path in holders:
                closed = any(stat.S_IMODE(each.stat().st_mode) == 0o700 for each in path.parents)
                self.assertTrue(closed or stat.S_IMODE(path.stat().st_mode) == 0o600, path)

        with self.subTest("it works"):
            created = self.run_(file, "volume", "create", "--size", "1", "--name", "first", "-f", "json")
            self.assertEqual((0, "available"), (created.status, created.json()["Status"]), created.errors)
            self.assertEqual(1, len(list(self.place.glob("disks/dev1/*/volume-*"))))

        with self.subTest("again: nothing twice"):
            before = self.pids()
            self.up()
            self.assertEqual(before, self.pids())

        with self.subTest("a process that ended is started again"):
            self.kill(before["scheduler-1"])
            looked = self.dev("status", "-f", "json")
            self.assertEqual(
                (1, "ended"), (looked.status, {each["Part"]: each["State"] for each in looked.json()}["scheduler-1"])
            )
            self.up()
            after = self.pids()
            self.assertEqual({"scheduler-1"}, {name for name, pid in after.items() if pid != before[name]})

        with self.subTest("a part that cannot start is named, and the others keep running"):
            self.kill(after["agent-1"])
            broken = self.place.parent / "broken" / "volsched"
            broken.mkdir(parents=True)
            (broken / "__init__.py").write_text("raise RuntimeError('broken on purpose')")
            self.prepared = partial(_set, "PYTHONPATH", str(broken.parent))
            failed = self.dev("up")
            self.prepared = None
            self.assertEqual(1, failed.status, failed.errors)
            self.assertIn("agent-1 ended", failed.errors)
            self.assertIn("broken on purpose", failed.errors)
            self.assertEqual({**after, "agent-1": None}, {name: self.pids()[name] for name in after})

        with self.subTest("stopped in order, and removed"):
            ended = self.dev("down", "--remove")
            self.assertEqual(0, ended.status, ended.errors)
            self.assertEqual(
                ["scheduler-1", "rabbitmq", "epmd", "postgresql"],
                [line.partition(" ")[0] for line in ended.errors.splitlines() if line.endswith(" stops")],
            )
            self.assertFalse(self.place.exists())
            self.assertEqual([], [name for name, pid in after.items() if pid and is_running(pid)])

    def kill(self, pid: int | None) -> None:
        assert pid, "the part does not run"  # 0 is this process's own group
        os.kill(pid, signal.SIGKILL)

    def contains(self, path: Path, secret: str) -> bool:
        return secret.encode() in path.read_bytes()
