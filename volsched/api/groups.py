"""The API side of groups."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.api.authorization import Authorizer
from volsched.api.validation import check_zone, plain_type, text
from volsched.exceptions import InvalidRequest
from volsched.model.context import plain_context
from volsched.model.group import Group, GroupStatus
from volsched.model.identity import derived_id
from volsched.model.observer import NO_OBSERVER, Observer, observed
from volsched.model.ports import VolumeCaster
from volsched.model.report import ServiceState
from volsched.model.work import SCHEDULER_QUEUE, WorkRequest

if TYPE_CHECKING:
    from volsched.api.queries import VolumeDatabase

MOST_TYPES = 100


class GroupService:
    """Groups of volumes as a user sees them. A project sees its own only."""

    def __init__(
        self,
        db: VolumeDatabase,
        caster: VolumeCaster,
        services: Callable[[], Sequence[ServiceState]],
        authorizer: Authorizer,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self._db = db
        self._authority = authorizer
        self.observer = observer
        self._caster = caster
        self._services = services

    def get(self, context: Any, name_or_id: str) -> Group:
        """Raises GroupNotFound, and InvalidRequest where several groups have the name."""
        return self.shown(context, self._found(context, "group:get", name_or_id))

    def shown(self, context: Any, group: Group) -> Group:
        """A group as who asks may see it."""
        return self._authority.group(context, group)

    def list(self, context: Any, *, all_projects: bool = False) -> Sequence[Group]:
        """The project's groups, oldest first; an admin may ask for everybody's."""
        found = self._db.groups.list(self._authority.lists(context, "group", all_projects=all_projects))
        return [self.shown(context, group) for group in found]

    @observed("group create")
    def create(self, context: Any, *, types: Sequence[str], name: str | None = None, zone: str | None = None) -> Group:
        """A group in status `creating`; a scheduler will find it a backend. Raises InvalidRequest."""
        self._authority.check(context, "group:create")
        if not 1 <= len(types) <= MOST_TYPES:
            raise InvalidRequest("type", f"{len(types)} given; a group is for 1 to {MOST_TYPES} volume types")
        found = {kind.id: kind for kind in map(self._db.types.find, types)}
        check_zone(zone, self._services)
        who = plain_context(context)
        group = Group(
            id=str(uuid.uuid4()),
            project_id=who.get("project_id") or "",
            user_id=who.get("user_id") or "",
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
                "context": who,
                "group": {"id": group.id, "project_id": group.project_id},
                "group_spec": spec,
                "request_specs": [{**spec, "volume_type": plain_type(kind)} for kind in found.values()],
            },
        )
        made = self._db.groups.create(group, [work])
        self._caster.wake(SCHEDULER_QUEUE)
        return made

    @observed("group delete")
    def delete(self, context: Any, name_or_id: str) -> None:
        """Remove a group that has no volumes. Raises InvalidRequest."""
        self._db.groups.remove(self._found(context, "group:delete", name_or_id).id)

    def _found(self, context: Any, rule: str, name_or_id: str) -> Group:
        found = self._db.groups.find(name_or_id, self._authority.sees(context, "group"))
        return self._authority.checked(context, rule, found)
