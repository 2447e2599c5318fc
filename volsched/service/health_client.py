"""Asks running services how they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from volsched.service.health import Status
from volsched.service.monitor import LIVE, READY

#: Where a service listens at every address, it is asked at this machine's own.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens here


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a service says. None: it did not answer."""

    live: bool | None
    ready: bool | None
    reasons: tuple[str, ...] = ()  # what has failed, and what is only worth a warning


def ask(address: str, *, timeout: float) -> Told:
    """`address`: host:port. `timeout`: seconds for each of two questions."""
    answers = {page: _page(address, page, timeout) for page in (LIVE, READY)}
    reasons = [reason for answer in answers.values() for reason in _reasons(answer)]
    live, ready = (None if answer is None else answer.get("status") != Status.FAILED for answer in answers.values())
    return Told(live=live, ready=ready, reasons=tuple(dict.fromkeys(reasons)))


def _page(address: str, page: str, timeout: float) -> Mapping[str, Any] | None:
    parts = urlsplit(f"//{address}")
    host = parts.hostname or ""
    connection = HTTPConnection(EVERYWHERE.get(host, host), parts.port, timeout=timeout)
    try:
        connection.request("GET", page)
        told = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told if isinstance(told, dict) else None


def _reasons(answer: Mapping[str, Any] | None) -> list[str]:
    if answer is None:
        return ["it does not answer"]
    checks = answer.get("checks", {}).items()
    return [f"{name}: {check['reason']}" for name, check in checks if check["status"] != Status.OK]
