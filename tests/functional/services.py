"""volsched-scheduler and volsched-agent as real processes, with functions that wait for log lines."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from pathlib import Path
from typing import Self

from tests import warm
from tests.functional.program import PATIENCE_SECONDS, environment


class Service:
    """One service (`scheduler` or `agent`), from its start until the end of the block."""

    def __init__(self, name: str, file: Path, *, path: Path | None = None, **variables: str) -> None:
        self._call = f"volsched.cli.services:{name}_main"
        self._file = file
        self._environment = {**environment(file.parent), **variables}
        self._path = [str(path)] if path is not None else []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.log: list[str] = []

    def __enter__(self) -> Self:
        log, output = os.pipe()
        self._log = open(log)  # closed by the reader
        with open(os.devnull, "r+") as nothing, open(output, "w"):
            self.process = warm.server().start(
                self._call,
                ["--config-file", str(self._file)],
                folder=self._file.parent,
                environment=self._environment,
                streams=(nothing.fileno(), nothing.fileno(), output),
                path=self._path,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.close()

    def _read(self) -> None:
        with self._log as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def until(self, words: str) -> str:
        """Return the next line of the log that contains `words`. Raises AssertionError at the end of the log."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            if line is None:
                raise AssertionError(f"{words!r} was not logged:\n{''.join(self.log)}")
            self.log.append(line)
            if words in line:
                return line

    def rest(self) -> str:
        """Return the whole log of a service that has ended."""
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            self.log.append(line)
        return "".join(self.log)

    def reload(self) -> None:
        """Let it reload its configuration."""
        self.process.send_signal(signal.SIGHUP)

    def end(self) -> int:
        """Stop it; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)
