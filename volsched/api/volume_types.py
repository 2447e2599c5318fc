"""Volume types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from volsched.api.resources import ApiService
from volsched.api.validation import entries, text
from volsched.exceptions import InvalidRequest
from volsched.languages.extra_specs import path_of, requirement_from
from volsched.model.request import VolumeType


class VolumeTypeService(ApiService):
    """Volume types. Their extra specs are the requirements for a pool; only operators see them."""

    def get(self, name_or_id: str) -> VolumeType:
        """Return a volume type that the context may use. Raises VolumeTypeNotFound."""
        self._check("type:list")
        return self._shown(self._find_type(name_or_id))

    def list(self) -> Sequence[VolumeType]:
        """Return the volume types that the context may use, by name."""
        self._check("type:list")
        private = self._private_types()
        return [self._shown(kind) for kind in self._db.types.list() if kind.is_public or kind.id in private]

    def create(
        self,
        name: str,
        extra_specs: Mapping[str, str] | None = None,
        *,
        description: str | None = None,
        is_public: bool = True,
    ) -> VolumeType:
        """Create a volume type. Raises InvalidRequest if the name is taken or an extra spec cannot be parsed."""
        self._check("type:create")
        specs = entries("extra_spec", extra_specs)
        for key, value in specs.items():
            if path_of(key) is not None:
                requirement_from(value, key)
        return self._db.types.create(
            text("name", name) or "", specs, description=text("description", description), is_public=is_public
        )

    def delete(self, name_or_id: str) -> None:
        """Delete a volume type. Raises InvalidRequest if volumes have it."""
        self._check("type:delete")
        self._db.types.delete(name_or_id)

    def projects(self, name_or_id: str) -> Sequence[str]:
        """Return the projects that may use a private type. Raises InvalidRequest for a public type."""
        self._check("type:access")
        return self._db.types.projects(self._find_private(name_or_id))

    def add_project(self, name_or_id: str, project_id: str) -> None:
        """Let a project use a private type. Raises VolumeTypeNotFound, and InvalidRequest for a public type."""
        self._check("type:access")
        project = text("project", project_id)
        if not project:
            raise InvalidRequest("project", "expected the id of a project, got nothing")
        self._db.types.add_project(self._find_private(name_or_id), project)

    def remove_project(self, name_or_id: str, project_id: str) -> None:
        """Take the right to use a private type from a project; its volumes keep the type. Raises InvalidRequest."""
        self._check("type:access")
        if not self._db.types.remove_project(self._find_private(name_or_id), project_id):
            raise InvalidRequest("project", f"{project_id!r} has no access to the volume type {name_or_id!r}")

    def _find_private(self, name_or_id: str) -> str:
        found = self._find_type(name_or_id)
        if found.is_public or found.id is None:
            raise InvalidRequest(
                "volume type",
                f"{name_or_id!r} is public: every project may use it; create a private type instead",
            )
        return found.id

    def _shown(self, kind: VolumeType) -> VolumeType:
        if self._authorizer.allows(self._context, "type:extra_specs"):
            return kind
        return replace(kind, extra_specs={}, qos_specs=None)
