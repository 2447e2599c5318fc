"""Volume types and their extra specs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from volsched.db.database import Database
from volsched.db.schema import volume_type_extra_specs, volume_type_projects, volume_types, volumes
from volsched.exceptions import InvalidRequest, VolumeTypeNotFound
from volsched.model.parsing import frozen_mapping, name_from, optional_name, type_name_from
from volsched.model.request import VolumeType


class VolumeTypes:
    """Volume types as rows. A port: TypeStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        extra_specs: Mapping[str, str] | None = None,
        *,
        description: str | None = None,
        is_public: bool = True,
        qos_specs: Mapping[str, Any] | None = None,
    ) -> VolumeType:
        """Insert a volume type. Raise InvalidRequest if a value is not accepted or the name is in use."""
        type_name_from(name)
        optional_name(description, "description")
        type_id = str(uuid.uuid4())
        specs = [
            {"volume_type_id": type_id, "key": name_from(key, "extra_specs"), "value": str(value)}
            for key, value in frozen_mapping(extra_specs or {}, "extra_specs").items()
        ]

        def write(connection: Connection) -> VolumeType:
            known = _find(connection, volume_types.c.name == name)
            if known and known[0].id != type_id:
                raise InvalidRequest("name", f"there is a volume type {name!r} already ({known[0].id})")
            if not known:
                connection.execute(
                    sa.insert(volume_types).values(
                        id=type_id,
                        name=name,
                        description=description,
                        is_public=is_public,
                        qos_specs=qos_specs,
                        created_at=self._database.now(connection),
                    )
                )
                if specs:
                    connection.execute(sa.insert(volume_type_extra_specs), specs)
            return _find(connection, volume_types.c.id == type_id)[0]

        return self._database.run(write)

    def find(self, name_or_id: str) -> VolumeType:
        """Return the type of this id, else of this name. Raises VolumeTypeNotFound."""
        found = self._database.read(
            lambda connection: (
                _find(connection, volume_types.c.id == name_or_id)
                or _find(connection, volume_types.c.name == name_or_id)
            )
        )
        if not found:
            raise VolumeTypeNotFound(name_or_id)
        return found[0]

    def list(self) -> Sequence[VolumeType]:
        """Return all types, by name."""
        return self._database.read(lambda connection: _find(connection, sa.true()))

    def projects(self, type_id: str) -> Sequence[str]:
        """Return the projects that may use a private type, by name."""
        statement = sa.select(volume_type_projects.c.project_id).where(volume_type_projects.c.volume_type_id == type_id)
        return self._database.read(
            lambda connection: connection.execute(statement.order_by(volume_type_projects.c.project_id)).scalars().all()
        )

    def types_of(self, project_id: str) -> frozenset[str]:
        """Return the ids of the private types that a project may use."""
        statement = sa.select(volume_type_projects.c.volume_type_id).where(
            volume_type_projects.c.project_id == project_id
        )
        return frozenset(self._database.read(lambda connection: connection.execute(statement).scalars().all()))

    def add_project(self, type_id: str, project_id: str) -> None:
        """Let a project use a private type. Harmless if it may already."""

        held = sa.select(volume_type_projects).where(
            volume_type_projects.c.volume_type_id == type_id, volume_type_projects.c.project_id == project_id
        )

        def write(connection: Connection) -> None:
            if connection.execute(held).first() is None:  # a race ends in a duplicate key, and this is run again
                row = {"volume_type_id": type_id, "project_id": project_id}
                connection.execute(sa.insert(volume_type_projects), [row])

        self._database.run(write)

    def remove_project(self, type_id: str, project_id: str) -> bool:
        """Take the right to use a private type from a project. Return whether the project had it."""
        statement = sa.delete(volume_type_projects).where(
            volume_type_projects.c.volume_type_id == type_id, volume_type_projects.c.project_id == project_id
        )
        return self._database.run(lambda connection: connection.execute(statement).rowcount == 1)

    def delete(self, name_or_id: str) -> None:
        """Delete a type. Raises VolumeTypeNotFound, and InvalidRequest if volumes have the type."""
        found = self.find(name_or_id)

        def count(connection: Connection) -> int:
            statement = sa.select(sa.func.count()).select_from(volumes).where(volumes.c.volume_type_id == found.id)
            return int(connection.execute(statement).scalar_one())

        def write(connection: Connection) -> None:
            connection.execute(
                sa.delete(volume_type_extra_specs).where(volume_type_extra_specs.c.volume_type_id == found.id)
            )
            connection.execute(sa.delete(volume_type_projects).where(volume_type_projects.c.volume_type_id == found.id))
            connection.execute(sa.delete(volume_types).where(volume_types.c.id == found.id))

        try:
            self._database.run(write)
        except IntegrityError as problem:
            users = self._database.read(count)
            raise InvalidRequest(
                "volume type", f"{found.name!r} is in use by {users} volumes; delete or retype them first"
            ) from problem


def _find(connection: Connection, which: sa.ColumnElement[bool]) -> Sequence[VolumeType]:
    rows = connection.execute(sa.select(volume_types).where(which).order_by(volume_types.c.name)).all()
    if not rows:
        return []
    specs: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    statement = sa.select(volume_type_extra_specs).order_by(volume_type_extra_specs.c.key)
    if len(rows) == 1:  # all types at once are read without naming them: there may be many
        statement = statement.where(volume_type_extra_specs.c.volume_type_id == rows[0].id)
    for spec in connection.execute(statement):
        specs.setdefault(spec.volume_type_id, {})[spec.key] = spec.value
    return [
        VolumeType(
            id=row.id,
            name=row.name,
            extra_specs=MappingProxyType(specs[row.id]),
            qos_specs=row.qos_specs,
            description=row.description,
            is_public=row.is_public,
        )
        for row in rows
    ]
