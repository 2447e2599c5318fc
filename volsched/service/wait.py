"""Waiting for what was asked for, and doing the work for it where no other process does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from volsched.exceptions import NotFound
from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume

T = TypeVar("T", Volume, Snapshot, Group)


def settle(
    look: Callable[[], T],
    *,
    steps: Sequence[Callable[[], bool]],
    woken: threading.Event,
    nap_seconds: float,
    progress: Callable[[T], None] | None = None,
    timeout: float | None = None,
) -> T | None:
    """What `look` finds when it is at rest; None where it is gone.

    `steps` do one piece of work each and say whether there was one; without them, or where another live process holds
    the work, it is waited for, `timeout` seconds at most (None: as long as it takes).
    """
    waited = 0.0
    while True:
        try:
            found = look()
        except NotFound:
            return None
        if not found.status.in_progress or (timeout is not None and waited > timeout):
            return found
        if progress is not None:
            progress(found)
        woken.clear()
        if not any(step() for step in steps):
            woken.wait(nap_seconds)
            waited += nap_seconds
