"""Groups of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db import volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import volume_groups, volumes
from volsched.exceptions import GroupNotFound, InvalidRequest
from volsched.model.group import Group, GroupStatus
from volsched.model.work import RowChange, WorkRequest


class Groups:
    """Groups of volumes as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, group_id: str) -> Group:
        """Raises GroupNotFound."""
        found = self._select(volume_groups.c.id == group_id, None)
        if not found:
            raise GroupNotFound(group_id)
        return found[0]

    def find(self, name_or_id: str, project_id: str | None) -> Group:
        """Return the group of this id, else of this name, that the project may see (None: any).

        Raises GroupNotFound, and InvalidRequest if several have the name.
        """
        for column in (volume_groups.c.id, volume_groups.c.name):
            found = self._select(column == name_or_id, project_id)
            if len(found) > 1:
                ids = ", ".join(group.id for group in found[:10])
                raise InvalidRequest(
                    "group", f"{len(found)} groups are called {name_or_id!r}; give the id, one of {ids}"
                )
            if found:
                return found[0]
        raise GroupNotFound(name_or_id)

    def list(self, project_id: str | None = None) -> Sequence[Group]:
        """Return the groups that the project may see (None: all), oldest first."""
        return self._select(sa.true(), project_id)

    def create(self, group: Group, work: Sequence[WorkRequest] = ()) -> Group:
        """Insert a group and its work in one transaction; the same group again is harmless."""

        def write(connection: Connection) -> Group:
            known = _read(connection, group.id)
            if known is not None:
                return known
            now = self._database.now(connection)
            connection.execute(
                sa.insert(volume_groups).values(
                    id=group.id,
                    project_id=group.project_id,
                    user_id=group.user_id,
                    name=group.name,
                    status=group.status.value,
                    host=group.host,
                    availability_zone=group.availability_zone,
                    volume_type_ids=list(group.volume_type_ids),
                    created_at=now,
                )
            )
            work_rows.queue(connection, work, now)
            made = _read(connection, group.id)
            assert made is not None  # noqa: S101 - it was written just above
            return made

        return self._database.run(write)

    def remove(self, group_id: str) -> None:
        """Delete a group. Raises GroupNotFound, and InvalidRequest while it has volumes or is being created."""

        def write(connection: Connection) -> None:
            row = connection.execute(
                sa.select(volume_groups.c.status).where(volume_groups.c.id == group_id).with_for_update()
            ).first()
            if row is None:
                raise GroupNotFound(group_id)
            if GroupStatus(row.status).in_progress:
                raise InvalidRequest("status", f"group {group_id} is {row.status}; wait until that is done")
            inside = sa.select(sa.func.count()).select_from(volumes).where(volumes.c.group_id == group_id)
            count = connection.execute(inside).scalar_one()
            if count:
                raise InvalidRequest(
                    "group", f"{group_id} has {volume_rows.counted(count, 'volume')}; delete them first"
                )
            connection.execute(sa.delete(volume_groups).where(volume_groups.c.id == group_id))

        self._database.run(write)

    def _select(self, which: sa.ColumnElement[bool], project_id: str | None) -> Sequence[Group]:
        statement = sa.select(volume_groups).where(which).order_by(volume_groups.c.created_at, volume_groups.c.id)
        if project_id is not None:
            statement = statement.where(volume_groups.c.project_id == project_id)
        return self._database.read(lambda connection: [_group(row) for row in connection.execute(statement)])


def put(connection: Connection, row: RowChange) -> None:
    """Apply a work item's change to a group's row."""
    which = volume_groups.c.id == row.id
    if row.changes is None:
        connection.execute(sa.delete(volume_groups).where(which))
    else:
        connection.execute(sa.update(volume_groups).where(which).values(**row.changes))


def _read(connection: Connection, group_id: str) -> Group | None:
    row = connection.execute(sa.select(volume_groups).where(volume_groups.c.id == group_id)).first()
    return None if row is None else _group(row)


def _group(row: Row[Any]) -> Group:
    values = dict(row._mapping)
    return Group(
        **{
            **values,
            "status": GroupStatus(values["status"]),
            "volume_type_ids": tuple(values["volume_type_ids"]),
            "created_at": volume_rows.written(values["created_at"]),
        }
    )
