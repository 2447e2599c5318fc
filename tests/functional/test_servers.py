"""The test servers: shared by the processes that use them, and stopped with the last one."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from pathlib import Path

from tests import TestCase, servers

USER = """
import json, sys
from dataclasses import asdict
from tests import servers
print(json.dumps(asdict(servers.require("postgresql"))), flush=True)
sys.stdin.read()
"""
GONE_SECONDS = 30


class TestServers(TestCase):
    def setUp(self) -> None:
        super().setUp()
        servers.require("postgresql")  # skipped where it is not installed
        self.place = self.folder()
        self.place.chmod(0o711)  # the server runs as another user

    def user(self) -> tuple[subprocess.Popen[str], servers.Server]:
        """A process that uses the server until its standard input ends, or it is killed."""
        process = subprocess.Popen(
            [sys.executable, "-c", USER],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TMPDIR": str(self.place)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.enterContext(process)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        return process, servers.Server(**json.loads(process.stdout.readline()))

    def assert_ends(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                self.assertTrue(select.select([handle], [], [], GONE_SECONDS)[0], f"{pid} still runs")
            finally:
                os.close(handle)

    def test_it_is_shared_and_goes_with_the_last_user(self) -> None:
        first, server = self.user()
        second, same = self.user()
        self.assertEqual(server, same)
        first.kill()
        first.wait()
        third, same = self.user()
        self.assertEqual(server, same)
        second.kill()
        assert third.stdin is not None
        third.stdin.close()
        self.assert_ends(server.pid)
        self.assert_ends(server.keeper)
        self.assertEqual([], [path.name for path in self.place.glob("*/*") if not path.name.endswith(("ing", "users"))])

    def test_it_goes_with_its_keeper_and_is_started_anew(self) -> None:
        _, server = self.user()
        os.kill(server.keeper, 9)
        self.assert_ends(server.pid)
        _, other = self.user()
        self.assertNotEqual(server.pid, other.pid)
