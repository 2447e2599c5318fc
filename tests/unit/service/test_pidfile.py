"""Pidfiles of running services."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import tests
from volsched.db.leases import this_owner
from volsched.service.pidfile import PidFile, PidFiles, made, send

WAITS = (
    "import signal, sys; from volsched.db.leases import this_owner; signal.signal(signal.SIGHUP, "
    "lambda *_: sys.exit(7)); print(this_owner(), flush=True); signal.pause()"
)


class TestPidFiles(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        self.records = PidFiles(str(self.home))
        self.record = made("volsched-scheduler", ("/etc/volsched.conf",), 4)

    def test_written_pidfile_is_found(self) -> None:
        self.records.write(self.record)
        self.assertEqual([self.record], list(self.records.alive()))
        self.assertEqual(self.record, self.records.current(self.record))
        later = replace(self.record, reloads=1, problem="VS101", until_restart=("[agent] host",))
        self.records.write(later)
        self.assertEqual(later, self.records.current(self.record))
        self.records.remove(self.record)
        self.assertEqual([], list(self.records.alive()))
        self.assertIsNone(self.records.current(self.record))

    def test_pidfile_of_a_dead_process_is_removed(self) -> None:
        host, pid, _ = this_owner().rsplit(":", 2)
        dead = replace(self.record, owner=f"{host}:{pid}:1")
        self.records.write(dead)
        self.assertEqual([], list(self.records.alive()))
        self.assertEqual([], list(self.records.folder.iterdir()))
        self.assertFalse(send(dead.owner, signal.SIGHUP), "the number belongs to another process now")

    def test_other_files_are_skipped(self) -> None:
        self.records.folder.mkdir()
        for number, text in enumerate(("", "[]", "{}", '{"program": 1}', '{"owner": "x"}')):
            Path(self.records.folder / f"{number}.json").write_text(text)
        self.assertEqual([], list(self.records.alive()))

    def test_pidfile_of_process_1_is_skipped(self) -> None:
        self.records.write(replace(self.record, owner=this_owner().split(":")[0] + ":1:1"))
        self.assertEqual([], list(self.records.alive()))

    def test_missing_folder_has_no_pidfiles(self) -> None:
        self.assertEqual([], list(PidFiles(str(self.home / "not there")).alive()))

    def test_signal_reaches_the_process(self) -> None:
        with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            record: PidFile = replace(self.record, owner=process.stdout.readline().strip())
            self.assertEqual(process.pid, record.pid)
            self.assertTrue(send(record.owner, signal.SIGHUP))
        self.assertEqual(7, process.returncode)
        self.assertFalse(send(record.owner, signal.SIGHUP))
