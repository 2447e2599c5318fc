"""Services with several worker processes: reloads, crashes and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests import TestCase
from tests.functional import fleet
from tests.functional.program import PATIENCE_SECONDS
from volsched import conf
from volsched.cli import services
from volsched.db.database import Database
from volsched.db.leases import is_dead
from volsched.service.application import open_application
from volsched.service.generation import CurrentApplication
from volsched.service.loops import Loop
from volsched.service.pidfile import PidFile, PidFiles

SETTINGS = """
[paths]
state_path = {folder}
[scheduler]
workers = 2
poll_interval = 0.05
filters = capacity
[agent]
workers = 2
host = node1
backends = disk
report_interval = 0.5
[backend_disk]
driver = directory
path = {folder}/disk
pools = a
pool_size_gb = a:100
unit_bytes = 4096
[notifications]
notifiers = ops
[notifier_ops]
driver = jsonl
path = {folder}/ops.jsonl
"""


def serve(program: str, folder: str) -> None:
    """Run a service in a process of its own. `tasks`: one whose loop works on files in the folder."""
    output = os.open(f"{folder}/{program}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    warnings.simplefilter("default")
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]
    file = f"{folder}/volsched.conf"
    mains = {"scheduler": services.scheduler_main, "agent": services.agent_main}
    status = mains[program](["--config-file", file]) if program in mains else _tasks(file)
    sys.stderr.flush()
    os._exit(status)


def _tasks(file: str) -> int:
    return services._run("volsched-scheduler", "", ["--config-file", file], _loops)


def _loops(current: CurrentApplication, first: bool) -> list[Loop]:
    """Return a loop whose pieces of work are files `task-…`, each of which ends when there is a file `go`.

    Like a storage backend, it runs a program meanwhile, which no signal may reach.
    """
    current.application.start()
    folder, nap = Path(current.application.conf.paths.state_path), threading.Event()

    def work(stop: threading.Event) -> None:
        while not stop.wait(0.01):
            if (folder / "break").exists():
                raise RuntimeError("broken on purpose")
            task = next(folder.glob("task-*"), None)
            if task is not None and _taken(task, folder / f"begun-{os.getpid()}"):
                with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as tool:
                    while not (folder / "go").exists():
                        nap.wait(0.01)
                    if tool.poll() is None:
                        (folder / f"done-{os.getpid()}").touch()

    return [work]


def _taken(task: Path, mine: Path) -> bool:
    try:
        task.rename(mine)
    except FileNotFoundError:
        return False
    return True


class WorkersCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.file = self.home / "volsched.conf"
        self.file.write_text(SETTINGS.format(folder=self.home))
        self.records = PidFiles(str(self.home))
        database = Database(f"sqlite:///{self.home}/volsched.db")
        database.upgrade()
        database.close()

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        self.assertIn(old, text)
        self.file.write_text(text.replace(old, new))

    def start(self, program: str) -> BaseProcess:
        """Start a service that ends with the test."""
        process: BaseProcess = fleet._CONTEXT.Process(target=serve, args=(program, str(self.home)))
        process.start()
        self.addCleanup(process.close)
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process

    def started(self, program: str) -> tuple[BaseProcess, list[PidFile]]:
        """Return a service whose two workers are ready, and their pidfiles."""
        process = self.start(program)
        self.until(lambda: self.log(program).count(": ready") == 2)
        return process, self.workers()

    def log(self, program: str) -> str:
        file = self.home / f"{program}.log"
        return file.read_text() if file.exists() else ""

    def workers(self, program: str = "volsched-scheduler") -> list[PidFile]:
        return [record for record in self.records.alive() if record.program == program]

    def until(self, true: Callable[[], object]) -> None:
        """Wait for a condition. Raises AssertionError where it does not become true."""
        end, nap = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while not true():
            self.assertLess(time.monotonic(), end, "\n".join(log.read_text() for log in self.home.glob("*.log")))
            nap.wait(0.02)

    def ended(self, process: BaseProcess, program: str) -> int | None:
        """Return the exit status of a service that ends, and check that no worker is left."""
        process.join(PATIENCE_SECONDS)
        self.assertEqual([], self.workers(), self.log(program))
        return process.exitcode


class TestWorkers(WorkersCase):
    """Scheduler and agent, two workers each."""

    def asked_to_reload(self) -> tuple[int | None, list[dict[str, object]]]:
        """Run `volsched config reload`; return its exit status and its row for each worker."""
        output = self.home / "output"
        output.unlink(missing_ok=True)
        process = fleet.start("command", self.file, "config", "reload", "-f", "json", log=output)
        process.join(PATIENCE_SECONDS)
        return process.exitcode, json.loads(output.read_text())

    def test_workers_reload_survive_and_end_in_order(self) -> None:
        agent, _ = self.started("agent")
        process, workers = self.started("scheduler")
        self.assertEqual(2, len(workers))
        self.assertEqual([process.pid] * 2, [int(worker.head.split(":")[-2]) for worker in workers])

        with self.subTest("each worker reloads a good configuration"):
            self.change("filters = capacity", "filters = capabilities, capacity")
            status, rows = self.asked_to_reload()
            self.assertEqual((0, [2] * 4), (status, [row["Generation"] for row in rows]), rows)
            self.assertEqual({worker.pid for worker in self.workers()}, {worker.pid for worker in workers})

        with self.subTest("no worker reloads a bad one"):
            self.change("filters = capabilities", "filters = capabilites")
            os.kill(process.pid or 0, signal.SIGHUP)
            self.until(lambda: all(worker.reloads == 2 for worker in self.workers()))
            self.assertEqual({2}, {worker.generation for worker in self.workers()})
            for worker in self.workers():
                self.assertIn("VS101", worker.problem or "")

        with self.subTest("a killed worker is replaced, with the configuration of the others"):
            doomed = self.workers()[0]
            os.kill(doomed.pid, signal.SIGKILL)
            self.until(lambda: self.log("scheduler").count(": ready") == 3)
            new = [worker for worker in self.workers() if worker.pid not in {old.pid for old in workers}]
            self.assertEqual([(2, None)], [(worker.generation, worker.problem) for worker in new])

        with self.subTest("volumes are placed, and every event is delivered"):
            self.file.write_text(SETTINGS.format(folder=self.home))
            application = self.enterContext(open_application(conf.load([str(self.file)], use_env=False)))
            asked = {"project_id": "p1", "user_id": "u1", "is_admin": True}
            volumes = application.api(asked).volumes
            made = [volumes.create(size_gb=1).id for _ in range(6)]
            self.until(lambda: all(volumes.get(id).status == "available" for id in made))
            self.until(lambda: self.placed() == sorted(made))

        with self.subTest("both services end"):
            for each in (process, agent):
                os.kill(each.pid or 0, signal.SIGTERM)
                each.join(PATIENCE_SECONDS)
                self.assertEqual(0, each.exitcode, self.log("scheduler") + self.log("agent"))
            self.assertEqual([], list(self.records.alive()))
            self.assertNotIn("backend: eventlet", self.log("scheduler") + self.log("agent"))

    def placed(self) -> list[str]:
        events = [json.loads(line) for line in (self.home / "ops.jsonl").read_text().splitlines()]
        return sorted(
            event["payload"]["volume"]["id"] for event in events if event["event_type"] == "volume.create.end"
        )


class TestEnd(WorkersCase):
    """Workers whose work is a file, so that the test controls how long it lasts."""

    def busy(self) -> tuple[BaseProcess, list[PidFile]]:
        """Return two workers with work in progress."""
        process, workers = self.started("tasks")
        for number in range(2):
            (self.home / f"task-{number}").touch()
        self.until(lambda: len(list(self.home.glob("begun-*"))) == 2)
        return process, workers

    def done(self) -> int:
        return len(list(self.home.glob("done-*")))

    def test_work_in_progress_ends_first(self) -> None:
        process, workers = self.busy()
        os.kill(process.pid or 0, signal.SIGHUP)
        self.until(lambda: [worker.reloads for worker in self.workers()] == [1, 1])
        os.kill(process.pid or 0, signal.SIGTERM)
        self.until(lambda: self.log("tasks").count("graceful exiting of service") == 2)
        self.assertEqual([False, False], [is_dead(worker.owner) for worker in workers], "they work")
        (self.home / "go").touch()
        self.assertEqual((0, 2), (self.ended(process, "tasks"), self.done()), self.log("tasks"))

    def test_single_process_is_cut_off_after_its_timeout(self) -> None:
        self.change("workers = 2\npoll", "graceful_shutdown_timeout = 1\npoll")
        process = self.start("tasks")
        self.until(lambda: ": ready" in self.log("tasks"))
        self.assertEqual([process.pid], [worker.pid for worker in self.workers()])
        (self.home / "task-1").touch()
        self.until(lambda: any(self.home.glob("begun-*")))
        os.kill(process.pid or 0, signal.SIGTERM)
        self.assertEqual((1, 0), (self.ended(process, "tasks"), self.done()), self.log("tasks"))
        self.assertIn("did not end in 1 s; it is aborted", self.log("tasks"))

    def test_workers_are_cut_off_after_their_timeout(self) -> None:
        self.change("workers = 2\npoll", "workers = 2\ngraceful_shutdown_timeout = 1\npoll")
        process, _ = self.busy()
        os.kill(process.pid or 0, signal.SIGTERM)
        self.assertEqual((1, 0), (self.ended(process, "tasks"), self.done()))
        self.assertIn("Graceful shutdown timeout (1) exceeded", self.log("tasks"))

    def test_workers_finish_their_work_without_their_master(self) -> None:
        process, workers = self.busy()
        process.kill()
        process.join()
        self.until(lambda: self.log("tasks").count("Parent process has died") == 2)
        self.assertEqual([False, False], [is_dead(worker.owner) for worker in workers], "they end what they began")
        (self.home / "go").touch()
        self.until(lambda: all(is_dead(worker.owner) for worker in workers))
        self.assertEqual(2, self.done())

    def test_failed_loop_stops_all_workers(self) -> None:
        process, _ = self.started("tasks")
        (self.home / "break").touch()
        self.assertEqual(1, self.ended(process, "tasks"))
        self.assertIn("broken on purpose", self.log("tasks"))

    def test_bad_configuration_stops_the_service_at_once(self) -> None:
        for old, new, words in (
            ("filters = capacity", "filters = capcity", "VS101"),
            ("{folder}/ops.jsonl", "{folder}/missing/ops.jsonl", "VS111"),
        ):
            with self.subTest(words):
                self.file.write_text(SETTINGS.replace(old, new).format(folder=self.home))
                process = self.start("scheduler" if words == "VS101" else "tasks")
                process.join(PATIENCE_SECONDS)
                log = self.log("scheduler" if words == "VS101" else "tasks")
                self.assertEqual((2, 1), (process.exitcode, log.count(words)), log)
                self.assertNotIn("ready", log)
