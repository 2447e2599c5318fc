"""One process of a service: how it ends, and its pidfile meanwhile."""

from __future__ import annotations

import threading
from typing import Any
from unittest import mock

from tests.stores.world import OnSQLite
from volsched import conf
from volsched.service import process
from volsched.service.generation import CurrentApplication
from volsched.service.loops import Loop
from volsched.service.pidfile import PidFile, PidFiles
from volsched.service.process import Control, Program, WorkerIdentity

SETTINGS = """\
[paths]
state_path = {folder}
[database]
connection = {url}
[notifications]
notifiers =
"""

FIRST = WorkerIdentity()


class TestRun(OnSQLite):
    def setUp(self) -> None:
        super().setUp()
        self.state = self.folder()
        self.file = self.state / "volsched.conf"
        url = self.database.url.render_as_string(hide_password=False)
        self.file.write_text(SETTINGS.format(folder=self.state, url=url))
        self.control = Control()
        self.enterContext(mock.patch.object(process, "NAP_SECONDS", 0.01))

    def run_(self, *loops: Loop, identity: WorkerIdentity = FIRST) -> int:
        def read() -> Any:
            return conf.load([str(self.file)], use_env=False)

        def made(current: CurrentApplication, first: bool) -> list[Loop]:
            self.first = first
            return list(loops)

        program = Program(name="volsched-scheduler", loops=made, read=read)
        return process.run(program, read(), self.control, identity)

    def pidfiles(self) -> list[PidFile]:
        return list(PidFiles(str(self.state)).alive())

    def test_process_runs_until_it_is_stopped(self) -> None:
        seen: list[PidFile] = []

        def loop(stop: threading.Event) -> None:
            seen.extend(self.pidfiles())
            self.control.stop()
            stop.wait()

        self.assertEqual(0, self.run_(loop))
        self.assertEqual([("volsched-scheduler", 0)], [(it.program, it.reloads) for it in seen])
        self.assertEqual([], self.pidfiles())
        self.assertTrue(self.first)

    def test_failed_loop_stops_the_others(self) -> None:
        def fails(stop: threading.Event) -> None:
            raise RuntimeError("broken on purpose")

        with self.assertLogs("volsched.service.process", "ERROR") as logged:
            self.assertEqual(1, self.run_(fails, lambda stop: stop.wait() and None))
        self.assertIn("a loop failed; stopping", logged.output[0])

    def test_reload_is_written_into_the_pidfile(self) -> None:
        seen: list[PidFile] = []
        requested: list[bool] = []

        def loop(stop: threading.Event) -> None:
            self.file.write_text("[scheduler]\nfilters = no_such_filter\n")
            self.control.reload()
            while not stop.is_set():
                if any(it.reloads for it in self.pidfiles()):
                    seen.extend(self.pidfiles())
                    requested.append(self.control.reloading.is_set())
                    self.control.stop()
                stop.wait(0.01)

        with self.assertLogs("volsched.service.reload", "ERROR"):
            self.assertEqual(0, self.run_(loop))
        self.assertEqual([1], [it.reloads for it in seen])
        self.assertEqual([False], requested, "one request is one reload")
        self.assertIn("no_such_filter", seen[0].problem or "")

    def test_later_workers_deliver_no_events_and_have_names(self) -> None:
        self.control.stop()
        second = WorkerIdentity(number=1, workers=2)
        self.assertEqual("volsched-agent worker 2", second.name_of("volsched-agent"))
        self.assertEqual(0, self.run_(lambda stop: None, identity=second))
        self.assertFalse(self.first)
