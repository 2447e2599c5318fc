"""Quotas as a user and an operator see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.api.authorization import Authorizer
from volsched.db.quotas import Usage

if TYPE_CHECKING:
    from volsched.api.queries import VolumeDatabase


class QuotaService:
    """How much a project may have, has, and has asked for. A project sees its own only."""

    def __init__(self, db: VolumeDatabase, authorizer: Authorizer) -> None:
        self._db = db
        self._authority = authorizer

    def usage(self, context: Any, project_id: str, volume_type: str | None = None) -> Sequence[Usage]:
        """Of all types together, or of one, by name or id. Raises NotAuthorized, VolumeTypeNotFound."""
        self._authority.check(context, "quota:show", project_id=project_id)
        return self._db.quotas.usage(project_id, self._type_id(volume_type))

    def set(
        self, context: Any, project_id: str, resource: str, limit: int | None, volume_type: str | None = None
    ) -> None:
        """Say how much a project may have of `volumes` or `gigabytes`; -1: as much as there is, None: as configured."""
        self._authority.check(context, "quota:set", project_id=project_id)
        self._db.quotas.set_limit(project_id, resource, limit, self._type_id(volume_type))

    def _type_id(self, volume_type: str | None) -> str | None:
        return self._db.types.find(volume_type).id if volume_type is not None else None
