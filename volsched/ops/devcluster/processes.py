"""Processes that outlive the command that starts them, identified by pid and start time."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from volsched.db.leases import is_dead, owner_of
from volsched.ops.devcluster.server import Process, group_of

MOST_CHARACTERS = 2000


def start(process: Process, folder: Path, log: Path, *, user: str | None = None) -> str:
    """Start a process in a session of its own; return host:pid:start time."""
    with log.open("ab") as opened:
        running = subprocess.Popen(  # noqa: S603 - an installed server, or volsched itself
            process.arguments,
            cwd=folder,
            user=user,
            group=group_of(user),
            extra_groups=None if user is None else (),
            env=process.environment,
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=opened,
            start_new_session=True,  # not interrupted with the command that starts it
        )
    owner = owner_of(running.pid)
    running.returncode = 0  # it outlives this command: no warning about a running child
    return owner


def is_running(owner: str | None) -> bool:
    """Return whether this very process runs."""
    return owner is not None and not is_dead(owner)


def send_signal(owner: str, number: signal.Signals) -> None:
    """Send a signal to this very process, even if its pid was assigned again."""
    with _handle(owner) as handle:
        if handle is not None:
            with suppress(ProcessLookupError):  # it has just ended
                signal.pidfd_send_signal(handle, number)


def wait_until_gone(owner: str, seconds: float) -> bool:
    """Return whether the process ended in time."""
    with _handle(owner) as handle:
        return handle is None or bool(select.select([handle], [], [], seconds)[0])


def end_of_log(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(errors="replace")[-MOST_CHARACTERS:].strip() if log.exists() else ""


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without variables that override options of configuration files."""
    return {name: value for name, value in environment.items() if not name.startswith("OS_")}


@contextmanager
def _handle(owner: str) -> Iterator[int | None]:
    """Yield a handle of the process; None where it has ended."""
    try:
        handle = os.pidfd_open(int(owner.split(":")[-2]))
    except ProcessLookupError:
        yield None
        return
    try:
        yield None if is_dead(owner) else handle  # while the handle keeps the pid from being assigned again
    finally:
        os.close(handle)
