"""Volumes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from volsched.model.serialization import NOTHING, Serializable


class VolumeStatus(StrEnum):
    """The status of a volume. Those that end in -ing, without `error_`, mean that work is in progress."""

    CREATING = "creating"
    AVAILABLE = "available"
    ERROR = "error"
    EXTENDING = "extending"
    ERROR_EXTENDING = "error_extending"
    DELETING = "deleting"
    ERROR_DELETING = "error_deleting"
    MANAGING = "managing"
    ERROR_MANAGING = "error_managing"
    RETYPING = "retyping"
    MIGRATING = "migrating"

    @property
    def in_progress(self) -> bool:
        return self.value.endswith("ing") and not self.value.startswith("error")


class Volume(Serializable, frozen=True, kw_only=True):
    """A volume. Times are ISO 8601 text in UTC."""

    id: str
    project_id: str
    user_id: str
    size_gb: int  # 0 while an existing volume is being taken under management
    status: VolumeStatus
    name: str | None = None
    description: str | None = None
    volume_type_id: str | None = None
    availability_zone: str | None = None  # asked for, then the one of the pool
    host: str | None = None  # pool_id once placed: host@backend#pool
    cluster_name: str | None = None
    metadata: Mapping[str, str] = NOTHING
    attach_status: str = "detached"
    snapshot_id: str | None = None
    source_volid: str | None = None
    image_id: str | None = None
    backup_id: str | None = None
    group_id: str | None = None
    migration_status: str | None = None
    provider_location: str | None = None  # where the backend keeps it
    bootable: bool = False
    multiattach: bool = False
    created_at: str | None = None
    scheduled_at: str | None = None
    launched_at: str | None = None
    updated_at: str | None = None
