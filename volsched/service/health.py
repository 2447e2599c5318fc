"""Health of a service: checks with the time since when they hold, and a client that asks running services."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

LIVE, READY = "/live", "/ready"
#: A service that listens on every address is asked at the loopback address.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here


class Status(StrEnum):
    """The result of a check. With a warning, the service still does its work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `reason` says what is wrong, without secrets and without users' data."""

    name: str
    status: Status = Status.OK
    reason: str = ""


class Health:
    """The last results of a set of checks, each with the time since when it has its status."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, tuple[Status, datetime]] = {}

    def record(self, checks: Iterable[Check]) -> tuple[bool, dict[str, Any]]:
        """Return whether no check has failed, and all checks as plain data."""
        results: dict[str, Mapping[str, str]] = {}
        worst = Status.OK
        with self._lock:
            for check in checks:
                results[check.name] = {
                    "status": check.status.value,
                    "reason": check.reason,
                    "since": self._since_of(check).isoformat(timespec="seconds"),
                }
                if check.status is Status.FAILED or worst is Status.OK:
                    worst = check.status
        return worst is not Status.FAILED, {"status": worst.value, "checks": results}

    def _since_of(self, check: Check) -> datetime:
        known = self._since.get(check.name)
        if known is None or known[0] is not check.status:
            known = self._since[check.name] = (check.status, self._clock())
        return known[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """What a service answered. None: it did not answer."""

    live: bool | None
    ready: bool | None
    reasons: tuple[str, ...] = ()  # of failures and warnings


def ask(address: str, *, timeout: float) -> ServiceHealth:
    """Ask the service at `address` (host:port); `timeout` in seconds for each of two requests."""
    pages = [_page(address, page, timeout) for page in (LIVE, READY)]
    live, ready = (None if page is None else page.get("status") != Status.FAILED for page in pages)
    reasons = [reason for page in pages for reason in _reasons(page)]
    return ServiceHealth(live=live, ready=ready, reasons=tuple(dict.fromkeys(reasons)))


def _page(address: str, page: str, timeout: float) -> Mapping[str, Any] | None:
    parts = urlsplit(f"//{address}")
    host = parts.hostname or ""
    connection = HTTPConnection(WILDCARDS.get(host, host), parts.port, timeout=timeout)
    try:
        connection.request("GET", page)
        body = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return body if isinstance(body, dict) else None


def _reasons(page: Mapping[str, Any] | None) -> list[str]:
    if page is None:
        return ["it does not answer"]
    checks = page.get("checks", {}).items()
    return [f"{name}: {check['reason']}" for name, check in checks if check["status"] != Status.OK]
