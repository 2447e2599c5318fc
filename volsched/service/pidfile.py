"""What a running service writes about itself, so that commands on its machine find it."""

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
    """One running service. `reloads` counts the attempts to reload; `problem` is why the last one was refused."""

    program: str
    owner: str  # host:pid:start time, so that a number that was given out again is noticed
    since: str
    files: tuple[str, ...]
    generation: int
    reloads: int = 0
    problem: str | None = None
    until_restart: tuple[str, ...] = ()  # options that the last reload could not take up
    monitoring: str | None = None  # host:port of its health and metrics; None where that is off
    master: str | None = None  # who looks after it, where it is one of several workers

    @property
    def pid(self) -> int:
        return _pid(self.owner)

    @property
    def head(self) -> str:
        """Who takes control for it: its master, or itself."""
        return self.master or self.owner


class PidFiles:
    """The services of this machine that keep their state in one folder."""

    def __init__(self, state_path: str) -> None:
        self.folder = Path(state_path) / FOLDER

    def write(self, record: PidFile) -> None:
        """Whole or not at all. Raises OSError."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".", delete=False) as draft:
            os.fchmod(draft.fileno(), 0o640)
            json.dump(asdict(record), draft)
        os.replace(draft.name, self._file(record))

    def remove(self, record: PidFile) -> None:
        """The service ends."""
        self._file(record).unlink(missing_ok=True)

    def alive(self) -> Iterator[PidFile]:
        """The services that run now. What dead ones left is removed."""
        for file in sorted(self.folder.glob("*.json")):
            record = _read(file)
            if record is None:
                continue
            if is_dead(record.owner):
                with suppress(OSError):  # another user's: harmless, it is passed over every time
                    file.unlink(missing_ok=True)
            elif _is_of_its_writer(file, record):
                yield record

    def current(self, record: PidFile) -> PidFile | None:
        """What the same service says now; None where it ended."""
        found = _read(self._file(record))
        return found if found is not None and found.owner == record.owner else None

    def _file(self, record: PidFile) -> Path:
        return self.folder / f"{record.program}-{record.pid}.json"


def made(program: str, files: tuple[str, ...], generation: int) -> PidFile:
    """The record of this process."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return PidFile(program=program, owner=this_owner(), since=since, files=files, generation=generation)


def send(owner: str, number: signal.Signals) -> bool:
    """Send a signal to a process, and to no other that may have got its number; False where it is gone."""
    try:
        process = os.pidfd_open(_pid(owner))
    except ProcessLookupError:
        return False
    try:
        if is_dead(owner):  # looked at while the handle keeps the number from being given out again
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
        record = PidFile(**{**values, **lists})
        return record if record.pid > 1 and _pid(record.head) > 1 else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # not one of ours


def _is_of_its_writer(file: Path, record: PidFile) -> bool:
    """Whether the processes belong to who wrote the file: nobody's file speaks for another's process."""
    try:
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in (record.pid, _pid(record.head))}
        return owners == {file.stat().st_uid}
    except OSError:
        return False
