"""Groups of volumes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from volsched.api.resources import ApiService, Progress, identifier
from volsched.api.validation import check_zone, plain_type, text
from volsched.exceptions import InvalidRequest
from volsched.model import limits
from volsched.model.group import Group, GroupStatus
from volsched.model.identity import derived_id
from volsched.model.observer import observed
from volsched.model.volume import Volume
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest


class GroupService(ApiService):
    """Groups. A group is named by its id, its name, or a `Group` that an earlier call returned.

    All volumes of a group are on one backend. Each method raises GroupNotFound if the group does not exist for this
    context.
    """

    def get(self, group: Group | str) -> Group:
        """Return the group as it is now. Raises InvalidRequest if several groups have the name."""
        return self._shown(self._find("group:get", group))

    def list(self, *, all_projects: bool = False) -> Sequence[Group]:
        """Return the project's groups, oldest first; operators may list those of all projects."""
        project_id = self._listed_project("group", all_projects=all_projects)
        return [self._shown(group) for group in self._db.groups.list(project_id)]

    def volumes(self, group: Group | str) -> Sequence[Volume]:
        """Return the volumes of the group that the context may list, oldest first."""
        found = self._find("group:get", group)
        everywhere = self._authorizer.allows(self._context, "volume:list_all_projects")
        volumes = self._db.volumes.list(self._listed_project("volume", all_projects=everywhere))
        return [self._authorizer.volume(self._context, volume) for volume in volumes if volume.group_id == found.id]

    @observed("group create")
    def create(self, types: Sequence[str], *, name: str | None = None, zone: str | None = None) -> Group:
        """Return a new group in status `creating`; the scheduler chooses a backend that fits every one of its types.

        `types`: names or ids of volume types; the pools of the first are preferred.
        """
        self._check("group:create")
        self._resources.request_worker.prepare()
        if not 1 <= len(types) <= limits.MAX_GROUP_TYPES:
            raise InvalidRequest("type", f"expected 1 to {limits.MAX_GROUP_TYPES} volume types, got {len(types)}")
        found = {kind.id: kind for kind in map(self._find_type, types)}
        check_zone(zone, self._resources.backends.services)
        group = Group(
            id=str(uuid.uuid4()),
            project_id=self._project_id,
            user_id=self._user_id,
            status=GroupStatus.CREATING,
            volume_type_ids=tuple(str(type_id) for type_id in found),
            name=text("name", name),
            availability_zone=zone,
        )
        properties = {
            "size": 0,
            "availability_zone": zone,
            "project_id": group.project_id,
            "user_id": group.user_id,
        }
        spec = {"group_id": group.id, "volume_properties": properties}
        work = WorkRequest(
            id=derived_id("work", group.id, "schedule-group"),
            queue=SCHEDULER_QUEUE,
            operation="group",
            volume_id=None,
            payload={
                "context": self._context,
                "group": {"id": group.id, "project_id": group.project_id},
                "group_spec": spec,
                "request_specs": [{**spec, "volume_type": plain_type(kind)} for kind in found.values()],
            },
        )
        created = self._db.groups.create(group, [work])
        self._resources.caster.wake(SCHEDULER_QUEUE)
        return self._shown(created)

    @observed("group delete")
    def delete(self, group: Group | str) -> None:
        """Delete a group that has no volumes. Raises InvalidRequest if it has some."""
        self._db.groups.remove(self._find("group:delete", group).id)

    def wait(
        self, group: Group | str, *, timeout: float | None = None, progress: Progress | None = None
    ) -> Group | None:
        """Return the group when no work on it is left, None if it is gone; see `volumes.wait`."""
        group_id = group.id if isinstance(group, Group) else self._find("group:get", group).id
        found = self._resources.request_worker.wait(
            lambda: self._db.groups.get(group_id), timeout=timeout, progress=progress
        )
        return None if found is None else self._shown(found)

    def _shown(self, group: Group) -> Group:
        return self._authorizer.group(self._context, group)

    def _find(self, rule: str, group: Group | str) -> Group:
        found = self._db.groups.find(identifier(group), self._visible_project("group"))
        return self._authorizer.checked(self._context, rule, found)
