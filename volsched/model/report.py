"""What a storage service says of itself: one message, before anybody has checked it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityReport:
    """One capability report. `capabilities` is what arrived: hostile until parsed."""

    service_name: str  # volume or backup
    host: str  # host@backend
    capabilities: Mapping[str, Any]
    timestamp: datetime  # UTC, naive, as the backend's clock had it
    cluster_name: str | None = None

    @property
    def backend_id(self) -> str:
        return self.cluster_name or self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One storage service as the database knows it, whatever it reported."""

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
