"""Groups: their volumes are on one backend, which fits every volume type of the group."""

from __future__ import annotations

from enum import StrEnum

from volsched.model.serialization import Serializable


class GroupStatus(StrEnum):
    """The status of a group. Those that end in -ing, without `error_`, mean that work is in progress."""

    CREATING = "creating"
    AVAILABLE = "available"
    ERROR = "error"

    @property
    def in_progress(self) -> bool:
        return self.value.endswith("ing")


class Group(Serializable, frozen=True, kw_only=True):
    """A group of volumes."""

    id: str
    project_id: str
    user_id: str
    status: GroupStatus
    volume_type_ids: tuple[str, ...]
    name: str | None = None
    host: str | None = None  # the pool that was best for the first type: host@backend#pool
    availability_zone: str | None = None  # asked for, then the one of the pool
    created_at: str | None = None  # ISO 8601 text in UTC
