"""Who may read and write the files that volsched makes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests import TestCase
from tests.functional.program import Program

NOTIFIERS = """
[notifications]
notifiers = audit
[notifier_audit]
driver = jsonl
path = {folder}/events.jsonl
"""


class TestFileModes(TestCase):
    def test_nothing_is_for_others_whatever_the_umask(self) -> None:
        for mask in (0o000, 0o022, 0o077):
            with self.subTest(umask=oct(mask)):
                folder = self.folder() / "state"
                self.install(folder, mask)
                found = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}
                self.assertLessEqual({"volsched.db", "events.jsonl", "client.log", "volsched.conf"}, found.keys())
                self.assertEqual({}, {name: oct(mode) for name, mode in found.items() if mode & 0o027})

    def install(self, folder: Path, mask: int) -> None:
        """Run what makes files: init, a volume with its notification, and a log, all under `mask`."""
        before = os.umask(mask)
        try:
            self.ran(Program(folder.parent), "init", str(folder), "--pool-size", "5")
            file = folder / "volsched.conf"
            file.write_text(file.read_text() + NOTIFIERS.format(folder=folder))
            program = Program(folder, file)
            log = folder / "client.log"
            self.ran(program, "--log-file", str(log), "volume", "create", "--size", "1", "--name", "first")
        finally:
            os.umask(before)

    def ran(self, program: Program, *arguments: str) -> None:
        done = program.run(*arguments)
        self.assertEqual(0, done.status, done.errors)
