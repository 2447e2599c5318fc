"""Quotas of projects."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.api.resources import ApiService
from volsched.db.quotas import Usage


class QuotaService(ApiService):
    """Limits, usage and reservations of a project. A project may read its own only."""

    def usage(self, *, project_id: str | None = None, volume_type: str | None = None) -> Sequence[Usage]:
        """Return limit, usage and reservations for each resource, of one volume type or of all types together.

        `project_id` defaults to the context's. Raises VolumeTypeNotFound.
        """
        project = project_id or self._project_id
        self._authorizer.check(self._context, "quota:show", project_id=project)
        return self._db.quotas.usage(project, self._type_id(volume_type))

    def set(self, project_id: str, resource: str, limit: int | None, *, volume_type: str | None = None) -> None:
        """Limit the `volumes` or `gigabytes` of a project; -1: unlimited, None: the configured default.

        Raises InvalidRequest, VolumeTypeNotFound.
        """
        self._authorizer.check(self._context, "quota:set", project_id=project_id)
        self._db.quotas.set_limit(project_id, resource, limit, self._type_id(volume_type))

    def _type_id(self, volume_type: str | None) -> str | None:
        return self._find_type(volume_type).id if volume_type is not None else None
