"""Capability reports and inventories of storage services, and the one rule for their time stamps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

#: The most that a backend's clock may be ahead. Claims cannot be compared with a stamp from further in the future.
MOST_AHEAD_SECONDS = 900.0


class CapabilityReport(msgspec.Struct, frozen=True, kw_only=True):
    """A capability report as received; `capabilities` is not checked yet."""

    service_name: str  # volume or backup
    host: str  # host@backend
    capabilities: Mapping[str, Any]
    timestamp: datetime  # UTC, naive, as the backend's clock had it
    cluster_name: str | None = None

    @property
    def backend_id(self) -> str:
        return self.cluster_name or self.host


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a storage service."""

    host: str  # host@backend
    cluster_name: str | None = None
    zone: str | None = "nova"
    disabled: bool = False
    frozen: bool = False
    up: bool = True
    kind: str = "volume"  # or backup
    disabled_reason: str | None = None

    @property
    def backend_id(self) -> str:
        return self.cluster_name or self.host


class StoredVolume(msgspec.Struct, frozen=True, kw_only=True):
    """A volume or a snapshot that a backend holds: one line of its inventory."""

    id: str
    pool: str  # the pool's name, the part after '#'
    size_gb: float
    location: str
    is_snapshot: bool = False


def seconds_ahead(stamp: datetime, now: datetime) -> float:
    """Return how far a time stamp lies in the future; 0 if it lies within MOST_AHEAD_SECONDS."""
    ahead = (stamp - now).total_seconds()
    return ahead if ahead > MOST_AHEAD_SECONDS else 0.0


def replaces(stamp: datetime, stored: datetime | None, now: datetime) -> bool:
    """Return whether a report with this time stamp replaces the stored one: the rule of the database and the registry.

    A report that is older than the stored one, or too far in the future, does not. A stored stamp that lies in the
    future of `now` is wrong (a clock was set back), so the next report replaces it, whatever its stamp.
    """
    if seconds_ahead(stamp, now):
        return False
    return stored is None or stamp >= stored or stored > now
