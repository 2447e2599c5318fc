"""A group of volumes as the user knows it: they live on one backend, which serves every type of the group."""

from __future__ import annotations

from enum import StrEnum

from volsched.model.serialization import Serializable


class GroupStatus(StrEnum):
    """Where a group is in its life. The ones that end in -ing are held by work in progress."""

    CREATING = "creating"
    AVAILABLE = "available"
    ERROR = "error"

    @property
    def in_progress(self) -> bool:
        return self.value.endswith("ing")


class Group(Serializable, frozen=True, kw_only=True):
    """One group."""

    id: str
    project_id: str
    user_id: str
    status: GroupStatus
    volume_type_ids: tuple[str, ...]
    name: str | None = None
    host: str | None = None  # the pool that was best for the first type: host@backend#pool
    availability_zone: str | None = None  # asked for, then the one of the pool
    created_at: str | None = None  # ISO 8601 text in UTC
