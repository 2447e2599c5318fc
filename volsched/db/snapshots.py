"""Snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db import volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import snapshots, volumes
from volsched.exceptions import InvalidRequest, SnapshotNotFound, VolumeNotFound
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import RowChange, WorkRequest

#: The status of volumes of which snapshots can be taken.
WHOLE = VolumeStatus.AVAILABLE


class Snapshots:
    """Snapshots as rows. A volume that has one is neither deleted nor moved."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, snapshot_id: str) -> Snapshot:
        """Raises SnapshotNotFound."""
        return self.find(snapshot_id, None, by_name=False)

    def find(self, name_or_id: str, project_id: str | None, *, by_name: bool = True) -> Snapshot:
        """Return the snapshot of this id, else of this name, that the project may see (None: any).

        Raises SnapshotNotFound, and InvalidRequest if several have the name.
        """
        found = self._select(snapshots.c.id == name_or_id, project_id)
        if not found and by_name:
            found = self._select(snapshots.c.name == name_or_id, project_id)
        if not found:
            raise SnapshotNotFound(name_or_id)
        if len(found) > 1:
            ids = ", ".join(snapshot.id for snapshot in found[:10])
            raise InvalidRequest(
                "snapshot", f"{len(found)} snapshots are called {name_or_id!r}; give the id, one of {ids}"
            )
        return found[0]

    def list(self, project_id: str | None = None, *, volume_id: str | None = None) -> Sequence[Snapshot]:
        """Return the snapshots that the project may see (None: all), oldest first; `volume_id`: of one volume."""
        return self._select(sa.true() if volume_id is None else snapshots.c.volume_id == volume_id, project_id)

    def create(self, snapshot: Snapshot, work: Sequence[WorkRequest] = ()) -> Snapshot:
        """Insert a snapshot and its work in one transaction; the same snapshot again is harmless.

        Raises VolumeNotFound, and InvalidRequest if the volume is not available.
        """

        def write(connection: Connection) -> Snapshot:
            # Locked, so that the volume is not moved or deleted meanwhile.
            volume = connection.execute(
                sa.select(volumes.c.status).where(volumes.c.id == snapshot.volume_id).with_for_update()
            ).first()
            if volume is None:
                raise VolumeNotFound(snapshot.volume_id)
            known = connection.execute(sa.select(snapshots).where(snapshots.c.id == snapshot.id)).first()
            if known is not None:
                return _snapshot(known)
            if volume.status != WHOLE.value:
                raise InvalidRequest(
                    "status", f"volume {snapshot.volume_id} is {volume.status}; it must be {WHOLE.value} for this"
                )
            now = self._database.now(connection)
            connection.execute(sa.insert(snapshots).values(**{**snapshot.plain(), "created_at": now}))
            work_rows.queue(connection, work, now)
            return _snapshot(connection.execute(sa.select(snapshots).where(snapshots.c.id == snapshot.id)).one())

        return self._database.run(write)

    def begin(
        self,
        snapshot_id: str,
        status: SnapshotStatus,
        *,
        only_from: Sequence[SnapshotStatus],
        work: Sequence[WorkRequest] = (),
    ) -> Snapshot:
        """Set a status of work in progress, and queue that work, in one transaction.

        Raises SnapshotNotFound, and InvalidRequest if it is in none of `only_from`.
        """
        allowed = [one.value for one in only_from]

        def write(connection: Connection) -> Snapshot:
            moved = connection.execute(
                sa.update(snapshots)
                .where(snapshots.c.id == snapshot_id, snapshots.c.status.in_(allowed))
                .values(status=status.value)
            )
            row = connection.execute(sa.select(snapshots).where(snapshots.c.id == snapshot_id)).first()
            if row is None:
                raise SnapshotNotFound(snapshot_id)
            if moved.rowcount == 1:
                work_rows.queue(connection, work, self._database.now(connection))
            elif row.status != status.value or not work_rows.known(connection, work):
                raise InvalidRequest(
                    "status", f"snapshot {snapshot_id} is {row.status}; it must be {' or '.join(allowed)} for this"
                )
            return _snapshot(row)

        return self._database.run(write)

    def remove(self, snapshot_id: str) -> None:
        """Delete a snapshot that has no claim; harmless if it is gone."""
        self._database.run(lambda connection: put(connection, RowChange(kind="snapshot", id=snapshot_id)))

    def _select(self, which: sa.ColumnElement[bool], project_id: str | None) -> Sequence[Snapshot]:
        statement = sa.select(snapshots).where(which).order_by(snapshots.c.created_at, snapshots.c.id)
        if project_id is not None:
            statement = statement.where(snapshots.c.project_id == project_id)
        return self._database.read(lambda connection: [_snapshot(row) for row in connection.execute(statement)])


def put(connection: Connection, row: RowChange) -> None:
    """Apply a work item's change to a snapshot's row."""
    which = snapshots.c.id == row.id
    if row.changes is None:
        connection.execute(sa.delete(snapshots).where(which))
    else:
        connection.execute(sa.update(snapshots).where(which).values(**row.changes))


def _snapshot(row: Row[Any]) -> Snapshot:
    values = {str(name): value for name, value in row._mapping.items()}
    return Snapshot.parse({**values, "created_at": volume_rows.written(values["created_at"])})
