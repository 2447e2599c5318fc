"""Pidfiles: what running services write about themselves for commands on the same machine."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from volsched.db.leases import is_dead, this_owner

FOLDER = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class PidFile:
    """One running process of a service. `reloads` counts attempts; `problem` is why the last one was refused."""

    program: str
    owner: str  # host:pid:start time, for the system assigns pids again
    since: str
    files: tuple[str, ...]
    generation: int
    reloads: int = 0
    problem: str | None = None
    until_restart: tuple[str, ...] = ()  # options that the last reload could not change
    monitoring: str | None = None  # host:port of health and metrics; None where monitoring is off
    master: str | None = None  # owner string of the master of several workers

    @property
    def pid(self) -> int:
        return _pid(self.owner)

    @property
    def head(self) -> str:
        """Who takes control for it: its master, or itself."""
        return self.master or self.owner


class PidFiles:
    """The pidfiles in the state folder of this machine's services."""

    def __init__(self, state_path: str) -> None:
        self.folder = Path(state_path) / FOLDER

    def write(self, pidfile: PidFile) -> None:
        """Write the file atomically. Raises OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".", delete=False) as draft:
            os.fchmod(draft.fileno(), 0o640)
            json.dump(asdict(pidfile), draft)
        os.replace(draft.name, self._file(pidfile))

    def remove(self, pidfile: PidFile) -> None:
        """Delete the file of a process that ends."""
        self._file(pidfile).unlink(missing_ok=True)

    def alive(self) -> Iterator[PidFile]:
        """Yield the pidfiles of running processes. Files of dead processes are deleted."""
        for file in sorted(self.folder.glob("*.json")):
            pidfile = _read(file)
            if pidfile is None:
                continue
            if is_dead(pidfile.owner):
                with suppress(OSError):  # another user's file: skipped every time
                    file.unlink(missing_ok=True)
            elif _is_of_its_writer(file, pidfile):
                yield pidfile

    def current(self, pidfile: PidFile) -> PidFile | None:
        """Return the present pidfile of the same process; None where it has ended."""
        found = _read(self._file(pidfile))
        return found if found is not None and found.owner == pidfile.owner else None

    def _file(self, pidfile: PidFile) -> Path:
        return self.folder / f"{pidfile.program}-{pidfile.pid}.json"


def made(program: str, files: tuple[str, ...], generation: int) -> PidFile:
    """Return the pidfile of this process."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return PidFile(program=program, owner=this_owner(), since=since, files=files, generation=generation)


def send(owner: str, number: signal.Signals) -> bool:
    """Send a signal to this very process; False where it has ended, even if its pid was assigned again."""
    try:
        process = os.pidfd_open(_pid(owner))
    except ProcessLookupError:
        return False
    try:
        if is_dead(owner):  # while the handle keeps the pid from being assigned again
            return False
        signal.pidfd_send_signal(process, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(process)
    return True


def _pid(owner: str) -> int:
    return int(owner.split(":")[-2])


def _read(file: Path) -> PidFile | None:
    try:
        values: dict[str, Any] = json.loads(file.read_text())
        lists = {name: tuple(values[name]) for name in ("files", "until_restart")}
        pidfile = PidFile(**{**values, **lists})
        return pidfile if pidfile.pid > 1 and _pid(pidfile.head) > 1 else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # not a pidfile of volsched


def _is_of_its_writer(file: Path, pidfile: PidFile) -> bool:
    """Return whether the processes belong to the user who wrote the file."""
    try:
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in (pidfile.pid, _pid(pidfile.head))}
        return owners == {file.stat().st_uid}
    except OSError:
        return False
