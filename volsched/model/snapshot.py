"""Snapshots of volumes."""

from __future__ import annotations

from enum import StrEnum

from volsched.model.serialization import Serializable


class SnapshotStatus(StrEnum):
    """The status of a snapshot. Those that end in -ing, without `error_`, mean that work is in progress."""

    CREATING = "creating"
    AVAILABLE = "available"
    ERROR = "error"
    DELETING = "deleting"
    ERROR_DELETING = "error_deleting"

    @property
    def in_progress(self) -> bool:
        return self.value.endswith("ing") and not self.value.startswith("error")


class Snapshot(Serializable, frozen=True, kw_only=True):
    """A snapshot, which is stored in the pool of its volume."""

    id: str
    project_id: str
    user_id: str
    status: SnapshotStatus
    volume_id: str
    size_gb: int  # of the volume when it was taken
    name: str | None = None
    created_at: str | None = None  # ISO 8601 text in UTC
