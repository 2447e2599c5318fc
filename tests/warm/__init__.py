"""Programs that start fast: processes forked from a server that has done all imports.

The server is started at its first use, and ends with this process.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

VOLSCHED = "volsched.cli.main:main"
PATIENCE_SECONDS = 120
_ROOT = Path(__file__).parents[2]
_SHIM = """\
#!{python} -IS
import json
import os
import signal
import socket
import sys

asked = json.dumps(
    {{
        "call": {call!r},
        "arguments": sys.argv[1:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "path": [],
        "kill_at": 0,
    }}
)
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [asked.encode() + b"\\n"], [0, 1, 2])
    with connection.makefile() as answers:
        child = int(answers.readline())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: os.kill(child, number))
        status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


@dataclass(frozen=True)
class Ended:
    """The end of a program. `status`: minus the number of a signal that ended it."""

    status: int
    output: str
    errors: str


class Process:
    """A running program, with the part of subprocess.Popen's interface that tests need."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.makefile()
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._status(0.0)

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        """Raises subprocess.TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._answers.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.kill()
        self.wait()
        self.close()

    def _status(self, timeout: float) -> int | None:
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._connection, selectors.EVENT_READ)
                if selector.select(timeout):
                    self.returncode = int(self._answers.readline() or -signal.SIGKILL)
        return self.returncode


class Server:
    """The process that the programs are forked from."""

    def __init__(self) -> None:
        name = f"volsched-test-{uuid.uuid4()}"
        self.address = f"\0{name}"  # an abstract address: no file is left behind
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "XDG_", "PYTHON"))}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py")), name],
            cwd=_ROOT,
            env={**kept, "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def start(
        self,
        call: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        path: Sequence[str] = (),
        kill_at: int = 0,
    ) -> Process:
        """Start `module:function` with these arguments and standard streams; the caller ends it.

        `path`: further folders of packages. `kill_at`: see tests.functional.deadly.
        """
        asked = {
            "call": call,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "path": list(path),
            "kill_at": kill_at,
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.address)
        socket.send_fds(connection, [json.dumps(asked).encode() + b"\n"], streams)
        return Process(connection)

    def shim(self, file: Path) -> None:
        """Write an executable file that a shell runs as `volsched`."""
        text = _SHIM.format(python=sys.executable, call=VOLSCHED, address=self.address)
        file.write_text(text)
        file.chmod(0o755)

    def stop(self) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)


_guard = threading.Lock()
_servers: dict[int, Server] = {}  # by pid: a forked process does not use its parent's


def server() -> Server:
    """Return the server of this process."""
    with _guard:
        if os.getpid() not in _servers:
            _servers[os.getpid()] = made = Server()
            atexit.register(made.stop)
        return _servers[os.getpid()]


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    call: str = VOLSCHED,
    path: Sequence[str] = (),
    kill_at: int = 0,
) -> Ended:
    """Run a program to its end. Raises subprocess.TimeoutExpired after killing it."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors, open(os.devnull) as nothing:
        streams = (nothing.fileno(), output.fileno(), errors.fileno())
        with server().start(
            call, arguments, folder=folder, environment=environment, streams=streams, path=path, kill_at=kill_at
        ) as process:
            status = process.wait()
        output.seek(0)
        errors.seek(0)
        return Ended(status, output.read(), errors.read())
