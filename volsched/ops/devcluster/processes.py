"""Processes that outlive whoever starts them, and are known again by whoever stops them."""

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

LAST_WORDS = 2000


def start(process: Process, folder: Path, log: Path, *, user: str | None = None) -> str:
    """Start it in a session of its own; returns who it is: host:pid:start time."""
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
            start_new_session=True,  # an interrupt of the command that started it is not meant for it
        )
    owner = owner_of(running.pid)
    running.returncode = 0  # it outlives us by design: no warning about a child that still runs
    return owner


def is_running(owner: str | None) -> bool:
    """Whether that very process lives."""
    return owner is not None and not is_dead(owner)


def order_to_stop(owner: str, number: signal.Signals) -> None:
    """Tell it, and nobody who got its number since."""
    with _handle(owner) as handle:
        if handle is not None:
            with suppress(ProcessLookupError):  # it ends at this moment
                signal.pidfd_send_signal(handle, number)


def wait_until_gone(owner: str, seconds: float) -> bool:
    """Whether it ended in time."""
    with _handle(owner) as handle:
        return handle is None or bool(select.select([handle], [], [], seconds)[0])


def last_words(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-LAST_WORDS:].strip() if log.exists() else ""


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would override the options of a configuration file."""
    return {name: value for name, value in environment.items() if not name.startswith("OS_")}


@contextmanager
def _handle(owner: str) -> Iterator[int | None]:
    """A handle of a process; None where it is gone."""
    try:
        handle = os.pidfd_open(int(owner.split(":")[-2]))
    except ProcessLookupError:
        yield None
        return
    try:
        yield None if is_dead(owner) else handle  # looked at while the number cannot be given out again
    finally:
        os.close(handle)
