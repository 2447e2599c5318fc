"""volsched-scheduler and volsched-agent as their operators run them: real processes, whose logs are waited for."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from tests.functional.program import PATIENCE_SECONDS, environment

PROGRAM = "import sys; from volsched.cli.services import {name}_main; sys.exit({name}_main())"


class Service:
    """One service (`scheduler` or `agent`), from its start until the end of the block."""

    def __init__(self, name: str, file: Path, *, path: Path | None = None, **variables: str) -> None:
        self._command = [sys.executable, "-c", PROGRAM.format(name=name), "--config-file", str(file)]
        self._environment = {**environment(file.parent), **variables}
        if path is not None:
            self._environment["PYTHONPATH"] += f":{path}"
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.log: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *problem: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def until(self, words: str) -> str:
        """The next line of the log that has these words. Raises AssertionError where there is none."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            if line is None:
                raise AssertionError(f"{words!r} was not said:\n{''.join(self.log)}")
            self.log.append(line)
            if words in line:
                return line

    def rest(self) -> str:
        """The whole log, of a service that has ended."""
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            self.log.append(line)
        return "".join(self.log)

    def reload(self) -> None:
        """Ask it to read its configuration again."""
        self.process.send_signal(signal.SIGHUP)

    def end(self) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)
