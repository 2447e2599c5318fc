"""A process that is killed before its Nth step with a lasting effect: a transaction, a change on disk."""

from __future__ import annotations

import functools
import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

from volsched.db.database import Database
from volsched.db.volumes import Volumes

#: What is counted on the disk.
STEPS = ("fsync", "ftruncate", "link", "posix_fallocate", "pwrite", "unlink")


def arm(at: int) -> None:
    """From the moment on when a volume is to be worked on, count; die before step number `at`, from 1."""
    counted = itertools.count(1)
    begun: list[bool] = []
    begin, repeat = Volumes.begin, Database._repeat

    def step() -> None:
        if begun and next(counted) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*arguments: Any, **named: Any) -> Any:
            step()
            return real(*arguments, **named)

        return call

    def beginning(*arguments: Any, **named: Any) -> Any:
        begun.append(True)
        return begin(*arguments, **named)

    Volumes.begin = beginning  # type: ignore[method-assign]
    Database._repeat = counting(repeat)  # type: ignore[method-assign]
    for name in STEPS:
        setattr(os, name, counting(getattr(os, name)))
