"""The notifier that appends events to a file, one JSON object a line."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from volsched.plugins import Event, Notifier

if TYPE_CHECKING:
    from oslo_config import cfg


class JsonlNotifier(Notifier):
    """Appends each event as one line of JSON; several processes may share the file.

    Each line is one write to a file opened for appending, so lines of several processes do not mix. The path is checked
    before each event: after log rotation, a new file is created.
    """

    contract = (1, 0)

    def __init__(self, *, path: str, fsync: bool = False, mode: str = "0640") -> None:
        self.path = path
        self.fsync = fsync
        self.mode = mode
        self._guard = threading.Lock()
        self._file: int | None = None
        self._torn = False  # whether the file ends with an incomplete line

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "path",
                required=True,
                help="File that events are appended to; created if missing, but not its folder.",
            ),
            cfg.BoolOpt(
                "fsync",
                default=False,
                help="Write each event through to the disk: no event is lost in a power failure, at the cost of "
                "milliseconds for each.",
            ),
            cfg.StrOpt("mode", default="0640", help="Permissions of a new file, in octal."),
        )

    def validate(self) -> list[str]:
        problems = []
        if not self.path.strip() or "\0" in self.path:
            problems.append("path: expected the name of a file, got an empty one")
        try:
            fits = 0 <= int(self.mode, 8) <= 0o777
        except ValueError:
            fits = False
        if not fits:
            problems.append(f"mode: expected three or four octal digits such as 0640, got {self.mode!r}")
        return problems

    def start(self) -> None:
        with self._guard:
            self._opened()

    def stop(self) -> None:
        with self._guard:
            self._close()

    def health(self) -> str | None:
        try:
            with self._guard:
                self._opened()
        except OSError as problem:
            return str(problem)
        return None

    def notify(self, event: Event) -> None:
        line = json.dumps(event.plain(), sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"
        with self._guard:
            file = self._opened()
            self._append(file, line)
            if self.fsync:
                os.fsync(file)

    def _append(self, file: int, line: bytes) -> None:
        """Write the whole line or raise. After an incomplete line, the next one starts with a line end."""
        if self._torn:
            line = b"\n" + line
        with _locked(file):
            written = os.write(file, line)
        self._torn = 0 < written < len(line)
        if self._torn:
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes were written; is the disk full?")

    def _opened(self) -> int:
        """Return the open file; open the path again where it is another file by now, or missing."""
        if self._file is not None and self._is_at_path(self._file):
            return self._file
        self._close()
        path = Path(self.path)
        if path.is_dir():
            raise IsADirectoryError(f"{self.path}: expected a file, got a directory")
        # O_NONBLOCK: opening a pipe without a reader must not hang.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        file = os.open(path, flags, int(self.mode, 8))
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            os.close(file)
            raise OSError(f"{self.path}: expected a regular file")
        with _locked(file):  # a line that another process is writing is not incomplete
            size = os.fstat(file).st_size
            self._torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        self._file = file
        return file

    def _is_at_path(self, file: int) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(file))

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def _locked(file: int) -> Iterator[None]:
    """Keep other processes from writing to the file in this block."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
