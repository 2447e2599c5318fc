"""A snapshot as the user knows it: what a volume held at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self


class SnapshotStatus(StrEnum):
    """Where a snapshot is in its life. The ones that end in -ing are held by work in progress."""

    CREATING = "creating"
    AVAILABLE = "available"
    ERROR = "error"
    DELETING = "deleting"
    ERROR_DELETING = "error_deleting"

    @property
    def in_progress(self) -> bool:
        return self.value.endswith("ing") and not self.value.startswith("error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One snapshot, kept in the pool of its volume."""

    id: str
    project_id: str
    user_id: str
    status: SnapshotStatus
    volume_id: str
    size_gb: int  # of the volume when it was taken
    name: str | None = None
    created_at: str | None = None  # ISO 8601 text in UTC

    def plain(self) -> dict[str, Any]:
        """A dict of JSON values, as work carries it."""
        return {**asdict(self), "status": self.status.value}

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """A snapshot from `plain()`. Unknown keys are left out: a newer process may have written them."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in given.items() if key in known}
        return cls(**{**values, "status": SnapshotStatus(values["status"])})
