"""The API side of snapshots."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.api.authorization import Authorizer
from volsched.api.validation import question, text
from volsched.exceptions import InvalidRequest
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.context import plain_context
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer, observed
from volsched.model.ports import VolumeCaster
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest, agent_queue
from volsched.placement.scheduler import backend_part

if TYPE_CHECKING:
    from volsched.api.queries import VolumeDatabase

DELETABLE = (SnapshotStatus.AVAILABLE, SnapshotStatus.ERROR, SnapshotStatus.ERROR_DELETING)


class SnapshotService:
    """Snapshots as a user sees them. A project sees its own only."""

    def __init__(
        self,
        db: VolumeDatabase,
        caster: VolumeCaster,
        authorizer: Authorizer,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self._db = db
        self._authority = authorizer
        self.observer = observer
        self._caster = caster

    def get(self, context: Any, name_or_id: str) -> Snapshot:
        """Raises SnapshotNotFound, and InvalidRequest where several snapshots have the name."""
        return self._found(context, "snapshot:get", name_or_id)

    def list(self, context: Any, *, volume: str | None = None, all_projects: bool = False) -> Sequence[Snapshot]:
        """The project's snapshots, oldest first, or those of one volume; an admin may ask for everybody's."""
        whose = self._authority.lists(context, "snapshot", all_projects=all_projects)
        if volume is None:
            return self._db.snapshots.list(whose)
        of = self._db.volumes.find(volume, self._authority.sees(context, "volume"))
        return self._db.snapshots.list(None, volume_id=self._authority.checked(context, "volume:get", of).id)

    @observed("snapshot create")
    def create(self, context: Any, volume: str, *, name: str | None = None) -> Snapshot:
        """A snapshot in status `creating`; a scheduler will see to the room. Raises InvalidRequest."""
        of = self._db.volumes.find(volume, self._authority.sees(context, "volume"))
        self._authority.check(context, "snapshot:create", of)
        snapshot = Snapshot(
            id=str(uuid.uuid4()),
            project_id=of.project_id,
            user_id=plain_context(context).get("user_id") or "",
            status=SnapshotStatus.CREATING,
            volume_id=of.id,
            size_gb=of.size_gb,
            name=text("name", name),
        )
        found_type = self._db.types.find(of.volume_type_id) if of.volume_type_id else None
        spec, properties = question(of, found_type, None)
        work = scheduler_work(
            "snapshot",
            of.id,
            context,
            {
                "request_spec": {**spec, "operation": "create_snapshot", "snapshot_id": snapshot.id},
                "filter_properties": properties,
                "snapshot": snapshot.plain(),
            },
            mark=snapshot.id,
        )
        made = self._db.snapshots.create(snapshot, [work])
        self._caster.wake(SCHEDULER_QUEUE)
        return made

    @observed("snapshot delete")
    def delete(self, context: Any, name_or_id: str) -> Snapshot:
        """The snapshot in status `deleting`. Raises InvalidRequest."""
        snapshot = self._found(context, "snapshot:delete", name_or_id)
        of = self._db.volumes.get(snapshot.volume_id)
        if of.host is None:
            raise InvalidRequest("snapshot", f"{snapshot.id} is of volume {of.id}, which is nowhere")
        queue = agent_queue(backend_part(of.host))
        work = WorkRequest(
            id=derived_id("work", snapshot.id, "delete", snapshot.status, uuid.uuid4()),
            queue=queue,
            operation="delete_snapshot",
            volume_id=of.id,
            payload={
                "volume": of.plain(),
                "snapshot": snapshot.plain(),
                "pool_id": of.host,
                "claim_key": snapshot.id,
            },
        )
        deleting = self._db.snapshots.begin(snapshot.id, SnapshotStatus.DELETING, only_from=DELETABLE, work=[work])
        self._caster.wake(queue)
        return deleting

    def _found(self, context: Any, rule: str, name_or_id: str) -> Snapshot:
        found = self._db.snapshots.find(name_or_id, self._authority.sees(context, "snapshot"))
        return self._authority.checked(context, rule, found)
