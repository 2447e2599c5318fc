"""The source (a snapshot or another volume) and the group of a new volume, and the constraints that they imply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from volsched.api import validation
from volsched.api.authorization import Authorizer
from volsched.exceptions import InvalidRequest
from volsched.model.group import Group, GroupStatus
from volsched.model.identity import backend_of
from volsched.model.request import VolumeType
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.volume_request import CreateVolumeRequest

if TYPE_CHECKING:
    from volsched.api.resources import VolumeDatabase

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSource:
    """Constraints and fields that a new volume gets from its source and its group."""

    resource_backend: str | None = None  # the only pool, or the only backend, where the volume can be placed
    least_gb: int | None = None
    volume_type_id: str | None = None
    group: Group | None = None
    volume_fields: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    source_fields: Mapping[str, Any] = field(default_factory=lambda: NOTHING)  # of the request_spec only

    @property
    def spec_fields(self) -> dict[str, Any]:
        """The fields to add to the request_spec."""
        where = {"resource_backend": self.resource_backend} if self.resource_backend else {}
        return {**self.volume_fields, **self.source_fields, **where}

    def size_from(self, given: object) -> int:
        """Return the requested size, or that of the source. Raises InvalidRequest."""
        if given is None and self.least_gb is not None:
            return self.least_gb
        size = validation.size_from(given)
        if self.least_gb is not None and size < self.least_gb:
            raise InvalidRequest("size", f"expected at least the {self.least_gb} GiB of the source, got {size} GiB")
        return size

    def check_type(self, volume_type: VolumeType | None) -> None:
        """Raise InvalidRequest if the volume's group does not accept the type."""
        if self.group is None:
            return
        if volume_type is None or volume_type.id not in self.group.volume_type_ids:
            given = "no type" if volume_type is None else f"type {volume_type.name}"
            raise InvalidRequest(
                "type",
                f"expected a type of group {self.group.id}, got {given}; volsched group show lists its types",
            )


def find_source(db: VolumeDatabase, authorizer: Authorizer, context: Any, request: CreateVolumeRequest) -> VolumeSource:
    """Return the source and the group that the request names. Raises InvalidRequest, NotAuthorized."""
    if request.snapshot is not None and request.source is not None:
        raise InvalidRequest("source", "expected a snapshot or a source volume, got both")
    source = VolumeSource()
    if request.snapshot is not None:
        snapshot = db.snapshots.find(request.snapshot, authorizer.visible_project(context, "snapshot"))
        source = _from_snapshot(db, authorizer.checked(context, "snapshot:get", snapshot))
    elif request.source is not None:
        volume = db.volumes.find(request.source, authorizer.visible_project(context, "volume"))
        source = _from_volume(authorizer.checked(context, "volume:get", volume))
    if request.group is None:
        return source
    group = db.groups.find(request.group, authorizer.visible_project(context, "group"))
    return _in_group(source, authorizer.checked(context, "group:get", group))


def _from_snapshot(db: VolumeDatabase, snapshot: Snapshot) -> VolumeSource:
    if snapshot.status is not SnapshotStatus.AVAILABLE:
        raise InvalidRequest("snapshot", f"expected an available snapshot; {snapshot.id} is {snapshot.status}")
    volume = db.volumes.get(snapshot.volume_id)
    return VolumeSource(
        resource_backend=volume.host,
        least_gb=snapshot.size_gb,
        volume_type_id=volume.volume_type_id,
        volume_fields={"snapshot_id": snapshot.id},
    )


def _from_volume(volume: Volume) -> VolumeSource:
    if volume.status is not VolumeStatus.AVAILABLE:
        raise InvalidRequest("source", f"expected an available volume; {volume.id} is {volume.status}")
    return VolumeSource(
        resource_backend=volume.host,
        least_gb=volume.size_gb,
        volume_type_id=volume.volume_type_id,
        volume_fields={"source_volid": volume.id},
        source_fields={"source_volume": volume.plain()},
    )


def _in_group(source: VolumeSource, group: Group) -> VolumeSource:
    if group.status is not GroupStatus.AVAILABLE or group.host is None:
        raise InvalidRequest("group", f"expected an available group; {group.id} is {group.status}")
    backend = backend_of(group.host)
    where = source.resource_backend
    if where is not None and backend_of(where) != backend:
        raise InvalidRequest("group", f"group {group.id} is on another backend than the volume's source")
    only_type = group.volume_type_ids[0] if len(group.volume_type_ids) == 1 else None
    return VolumeSource(
        resource_backend=where or backend,
        least_gb=source.least_gb,
        volume_type_id=source.volume_type_id or only_type,
        group=group,
        volume_fields={**source.volume_fields, "group_id": group.id},
        source_fields=source.source_fields,
    )
