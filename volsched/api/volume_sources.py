"""What a new volume begins with: the copy of a snapshot or of another volume, a place in a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from volsched.api import validation
from volsched.api.authorization import Authorizer
from volsched.exceptions import InvalidRequest
from volsched.model.group import Group, GroupStatus
from volsched.model.request import VolumeType
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume, VolumeStatus
from volsched.placement.scheduler import backend_part

if TYPE_CHECKING:
    from volsched.api.queries import VolumeDatabase

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What follows for the volume from that."""

    resource_backend: str | None = None  # the only pool, or the only backend, where it can be
    least_gb: int | None = None
    volume_type_id: str | None = None
    group: Group | None = None
    fields: Mapping[str, Any] = field(default_factory=lambda: NOTHING)  # of the volume's row
    more: Mapping[str, Any] = field(default_factory=lambda: NOTHING)  # of the request_spec

    @property
    def spec(self) -> dict[str, Any]:
        """What it adds to the request_spec."""
        where = {"resource_backend": self.resource_backend} if self.resource_backend else {}
        return {**self.fields, **self.more, **where}

    def size_from(self, given: object) -> int:
        """The size asked for, or that of what it is a copy of. Raises InvalidRequest."""
        if given is None and self.least_gb is not None:
            return self.least_gb
        size = validation.size_from(given)
        if self.least_gb is not None and size < self.least_gb:
            raise InvalidRequest("size", f"{size} GiB are less than the {self.least_gb} that it begins with")
        return size

    def check_type(self, volume_type: VolumeType | None) -> None:
        """Raises InvalidRequest where the group is not made for the type."""
        if self.group is None:
            return
        if volume_type is None or volume_type.id not in self.group.volume_type_ids:
            asked = "no type" if volume_type is None else f"type {volume_type.name}"
            raise InvalidRequest("type", f"{asked}: group {self.group.id} is for other types; group show names them")


def beginning(
    db: VolumeDatabase,
    authorizer: Authorizer,
    context: Any,
    *,
    snapshot: str | None,
    source: str | None,
    group: str | None,
) -> Beginning:
    """What the names or ids given stand for, as far as who asks sees them. Raises InvalidRequest, NotAuthorized."""
    if snapshot is not None and source is not None:
        raise InvalidRequest("source", "a volume begins as a copy of a snapshot or of a volume, not of both")
    begins = Beginning()
    if snapshot is not None:
        found = db.snapshots.find(snapshot, authorizer.sees(context, "snapshot"))
        begins = _from_snapshot(db, authorizer.checked(context, "snapshot:get", found))
    elif source is not None:
        begins = _from_volume(
            authorizer.checked(context, "volume:get", db.volumes.find(source, authorizer.sees(context, "volume")))
        )
    if group is None:
        return begins
    return _in_group(
        begins, authorizer.checked(context, "group:get", db.groups.find(group, authorizer.sees(context, "group")))
    )


def _from_snapshot(db: VolumeDatabase, snapshot: Snapshot) -> Beginning:
    if snapshot.status is not SnapshotStatus.AVAILABLE:
        raise InvalidRequest("snapshot", f"{snapshot.id} is {snapshot.status}; it must be available")
    of = db.volumes.get(snapshot.volume_id)
    return Beginning(
        resource_backend=of.host,
        least_gb=snapshot.size_gb,
        volume_type_id=of.volume_type_id,
        fields={"snapshot_id": snapshot.id},
    )


def _from_volume(source: Volume) -> Beginning:
    if source.status is not VolumeStatus.AVAILABLE:
        raise InvalidRequest("source", f"volume {source.id} is {source.status}; it must be available")
    return Beginning(
        resource_backend=source.host,
        least_gb=source.size_gb,
        volume_type_id=source.volume_type_id,
        fields={"source_volid": source.id},
        more={"source_volume": source.plain()},
    )


def _in_group(begins: Beginning, group: Group) -> Beginning:
    if group.status is not GroupStatus.AVAILABLE or group.host is None:
        raise InvalidRequest("group", f"{group.id} is {group.status}; it must be available")
    backend = backend_part(group.host)
    where = begins.resource_backend
    if where is not None and backend_part(where) != backend:
        raise InvalidRequest("group", f"{group.id} is on other storage than what the volume begins as a copy of")
    return Beginning(
        resource_backend=where or backend,
        least_gb=begins.least_gb,
        volume_type_id=begins.volume_type_id or (group.volume_type_ids[0] if len(group.volume_type_ids) == 1 else None),
        group=group,
        fields={**begins.fields, "group_id": group.id},
        more=begins.more,
    )
