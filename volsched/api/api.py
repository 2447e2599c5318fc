"""Everything that users and operators may request, on behalf of one context."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from volsched.api.audit import AuditService
    from volsched.api.backends import BackendService
    from volsched.api.events import EventService
    from volsched.api.groups import GroupService
    from volsched.api.pools import PoolService
    from volsched.api.quotas import QuotaService
    from volsched.api.resources import Resources
    from volsched.api.snapshots import SnapshotService
    from volsched.api.volume_types import VolumeTypeService
    from volsched.api.volumes import VolumeService


class Api:
    """The services of the API. Each is imported when it is first used, so that commands start fast."""

    def __init__(self, resources: Resources, context: Mapping[str, Any]) -> None:
        """`context`: the credentials as a request context has them (project_id, user_id, is_admin, roles…)."""
        self._resources = resources
        self._context = context

    @cached_property
    def volumes(self) -> VolumeService:
        from volsched.api.volumes import VolumeService

        return VolumeService(self._resources, self._context)

    @cached_property
    def snapshots(self) -> SnapshotService:
        from volsched.api.snapshots import SnapshotService

        return SnapshotService(self._resources, self._context)

    @cached_property
    def groups(self) -> GroupService:
        from volsched.api.groups import GroupService

        return GroupService(self._resources, self._context)

    @cached_property
    def types(self) -> VolumeTypeService:
        from volsched.api.volume_types import VolumeTypeService

        return VolumeTypeService(self._resources, self._context)

    @cached_property
    def quotas(self) -> QuotaService:
        from volsched.api.quotas import QuotaService

        return QuotaService(self._resources, self._context)

    @cached_property
    def backends(self) -> BackendService:
        from volsched.api.backends import BackendService

        return BackendService(self._resources, self._context)

    @cached_property
    def pools(self) -> PoolService:
        from volsched.api.pools import PoolService

        return PoolService(self._resources, self._context)

    @cached_property
    def events(self) -> EventService:
        from volsched.api.events import EventService

        return EventService(self._resources, self._context)

    @cached_property
    def audit(self) -> AuditService:
        from volsched.api.audit import AuditService

        return AuditService(self._resources, self._context)
