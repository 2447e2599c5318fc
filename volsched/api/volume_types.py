"""Volume types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from volsched.api.resources import ApiService
from volsched.api.validation import entries, text
from volsched.languages.extra_specs import path_of, requirement_from
from volsched.model.request import VolumeType


class VolumeTypeService(ApiService):
    """Volume types. Their extra specs are the requirements for a pool; only operators see them."""

    def get(self, name_or_id: str) -> VolumeType:
        """Return a volume type. Raises VolumeTypeNotFound."""
        self._check("type:list")
        return self._shown(self._db.types.find(name_or_id))

    def list(self) -> Sequence[VolumeType]:
        """Return the volume types, by name."""
        self._check("type:list")
        return [self._shown(kind) for kind in self._db.types.list()]

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

    def _shown(self, kind: VolumeType) -> VolumeType:
        if self._authorizer.allows(self._context, "type:extra_specs"):
            return kind
        return replace(kind, extra_specs={}, qos_specs=None)
