"""What is well with a service and what is not, since when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How well something is. A warning is told and changes nothing: the service does its work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `reason` says what is wrong, without secrets and without users' data."""

    name: str
    status: Status = Status.OK
    reason: str = ""


def utcnow() -> datetime:
    return datetime.now(UTC)


class Health:
    """The checks of one kind, as they were found last, each with the time since when it is so."""

    def __init__(self, clock: Callable[[], datetime] = utcnow) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, tuple[Status, datetime]] = {}

    def told(self, checks: Iterable[Check]) -> tuple[bool, dict[str, Any]]:
        """Whether none has failed, and all of it as plain data."""
        told: dict[str, Mapping[str, str]] = {}
        worst = Status.OK
        with self._lock:
            for check in checks:
                told[check.name] = {
                    "status": check.status.value,
                    "reason": check.reason,
                    "since": self._since_of(check).isoformat(timespec="seconds"),
                }
                if check.status is Status.FAILED or worst is Status.OK:
                    worst = check.status
        return worst is not Status.FAILED, {"status": worst.value, "checks": told}

    def _since_of(self, check: Check) -> datetime:
        known = self._since.get(check.name)
        if known is None or known[0] is not check.status:
            known = self._since[check.name] = (check.status, self._clock())
        return known[1]
