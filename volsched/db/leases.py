"""Lease heartbeats: a lease is renewed while its work lasts."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from volsched.exceptions import LeaseLost, VolschedError
from volsched.model.ports import WorkStore
from volsched.model.work import Lease

LOG = logging.getLogger(__name__)


def this_owner() -> str:
    """Return the owner name of this process: host:pid:start time in clock ticks, which no other process ever has."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> str:
    """Return the owner name of a process that runs on this host."""
    return f"{socket.gethostname()}:{pid}:{_start_ticks(pid)}"


def is_dead(owner: str) -> bool:
    """Return whether `owner` was a process of this host that has ended. Of other hosts' processes it is not known."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdigit():
        return False
    started = owner.rpartition(":")[2]
    return _start_ticks(int(rest)) != started


def _start_ticks(pid: int) -> str:
    """Return the start time of a live process; '' if there is none of that number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    after_name = stat.rpartition(")")[2].split()
    return "" if after_name[0] == "Z" else after_name[19]


@contextmanager
def held(work: WorkStore, lease: Lease, lease_seconds: float) -> Iterator[threading.Event]:
    """Renew the lease every third of its duration while the block runs; yield an event that is set when it is lost.

    A renewal that fails for another reason is tried again: the lease may still be valid.
    """
    lost, done = threading.Event(), threading.Event()

    def beat() -> None:
        while not done.wait(lease_seconds / 3):
            try:
                work.renew(lease, lease_seconds)
            except LeaseLost:
                LOG.warning("work %s: the lease was lost to another process", lease.work_id)
                lost.set()
                return
            except VolschedError as problem:
                LOG.warning("work %s: the lease could not be renewed: %s", lease.work_id, problem)

    thread = threading.Thread(target=beat, name=f"lease-{lease.work_id[:8]}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
