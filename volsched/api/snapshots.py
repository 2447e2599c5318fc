"""Snapshots of volumes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from volsched.api.resources import ApiService, Progress, identifier
from volsched.api.validation import scheduler_request, text
from volsched.exceptions import InvalidRequest
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.claim import snapshot_key
from volsched.model.identity import backend_of, derived_id
from volsched.model.observer import observed
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import Volume
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest, agent_queue

DELETABLE = (SnapshotStatus.AVAILABLE, SnapshotStatus.ERROR, SnapshotStatus.ERROR_DELETING)


class SnapshotService(ApiService):
    """Snapshots. A snapshot is named by its id, its name, or a `Snapshot` that an earlier call returned.

    Each method raises SnapshotNotFound if the snapshot does not exist for this context.
    """

    def get(self, snapshot: Snapshot | str) -> Snapshot:
        """Return the snapshot as it is now. Raises InvalidRequest if several snapshots have the name."""
        return self._find("snapshot:get", snapshot)

    def list(self, *, volume: Volume | str | None = None, all_projects: bool = False) -> Sequence[Snapshot]:
        """Return the project's snapshots, oldest first, or those of one volume; operators may list all projects."""
        project_id = self._listed_project("snapshot", all_projects=all_projects)
        if volume is None:
            return self._db.snapshots.list(project_id)
        return self._db.snapshots.list(None, volume_id=self._find_volume("volume:get", volume).id)

    @observed("snapshot create")
    def create(self, volume: Volume | str, *, name: str | None = None) -> Snapshot:
        """Return a new snapshot in status `creating`; it takes room in the volume's pool."""
        source = self._find_volume("snapshot:create", volume)
        self._resources.request_worker.prepare()
        snapshot = Snapshot(
            id=str(uuid.uuid4()),
            project_id=source.project_id,
            user_id=self._user_id,
            status=SnapshotStatus.CREATING,
            volume_id=source.id,
            size_gb=source.size_gb,
            name=text("name", name),
        )
        found_type = self._db.types.find(source.volume_type_id) if source.volume_type_id else None
        spec, properties = scheduler_request(source, found_type)
        payload = {
            "request_spec": {**spec, "operation": "create_snapshot", "snapshot_id": snapshot.id},
            "filter_properties": properties,
            "snapshot": snapshot.plain(),
        }
        work = scheduler_work("snapshot", source.id, self._context, payload, mark=snapshot.id)
        created = self._db.snapshots.create(snapshot, [work])
        self._resources.caster.wake(SCHEDULER_QUEUE)
        return created

    @observed("snapshot delete")
    def delete(self, snapshot: Snapshot | str) -> Snapshot:
        """Return the snapshot in status `deleting`. Volumes that were created from it stay."""
        found = self._find("snapshot:delete", snapshot)
        self._resources.request_worker.prepare()
        volume = self._db.volumes.get(found.volume_id)
        if volume.host is None:
            raise InvalidRequest("snapshot", f"snapshot {found.id} is of volume {volume.id}, which has no pool")
        queue = agent_queue(backend_of(volume.host))
        work = WorkRequest(
            id=derived_id("work", found.id, "delete", found.status, uuid.uuid4()),
            queue=queue,
            operation="delete_snapshot",
            volume_id=volume.id,
            payload={
                "volume": volume.plain(),
                "snapshot": found.plain(),
                "pool_id": volume.host,
                "claim_key": snapshot_key(found.id),
            },
        )
        deleting = self._db.snapshots.begin(found.id, SnapshotStatus.DELETING, only_from=DELETABLE, work=[work])
        self._resources.caster.wake(queue)
        return deleting

    def wait(
        self, snapshot: Snapshot | str, *, timeout: float | None = None, progress: Progress | None = None
    ) -> Snapshot | None:
        """Return the snapshot when no work on it is left, None if it is gone; see `volumes.wait`."""
        snapshot_id = snapshot.id if isinstance(snapshot, Snapshot) else self.get(snapshot).id
        return self._resources.request_worker.wait(
            lambda: self._db.snapshots.get(snapshot_id), timeout=timeout, progress=progress
        )

    def _find(self, rule: str, snapshot: Snapshot | str) -> Snapshot:
        found = self._db.snapshots.find(identifier(snapshot), self._visible_project("snapshot"))
        return self._authorizer.checked(self._context, rule, found)

    def _find_volume(self, rule: str, volume: Volume | str) -> Volume:
        found = self._db.volumes.find(identifier(volume), self._visible_project("volume"))
        return self._authorizer.checked(self._context, rule, found)
