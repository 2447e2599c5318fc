"""Volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from volsched.db import outbox, volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import volumes
from volsched.exceptions import InvalidRequest, VolumeNotFound, VolumeTypeNotFound
from volsched.model.event import Event
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest


class Volumes:
    """The volumes' rows. A port: VolumeStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, volume_id: str) -> Volume:
        """Raises VolumeNotFound."""
        found = self._database.read(lambda connection: volume_rows.read(connection, volume_id))
        if found is None:
            raise VolumeNotFound(volume_id)
        return found

    def find(self, name_or_id: str, project_id: str | None) -> Volume:
        """The volume of this id, else of this name, that the project may see (None: any).

        Raises VolumeNotFound, and InvalidRequest where several have the name.
        """

        def look(connection: Connection) -> list[Volume]:
            for column in (volumes.c.id, volumes.c.name):
                statement = sa.select(volumes).where(column == name_or_id).order_by(volumes.c.created_at).limit(10)
                found = connection.execute(_seen_by(statement, project_id)).all()
                if found:
                    return [volume_rows.volume_of(row) for row in found]
            return []

        found = self._database.read(look)
        if not found:
            raise VolumeNotFound(name_or_id)
        if len(found) > 1:
            ids = ", ".join(volume.id for volume in found)
            raise InvalidRequest("volume", f"{len(found)} volumes are called {name_or_id!r}; give the id, one of {ids}")
        return found[0]

    def list(
        self,
        project_id: str | None = None,
        *,
        status: VolumeStatus | None = None,
        host: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Volume]:
        """The volumes that the project may see (None: all), oldest first. `host`: a pool, or a backend with all its."""
        statement = _seen_by(sa.select(volumes).order_by(volumes.c.created_at, volumes.c.id), project_id)
        if status is not None:
            statement = statement.where(volumes.c.status == status.value)
        if host is not None:
            within = volumes.c.host.startswith(f"{host}#", autoescape=True)
            statement = statement.where(sa.or_(volumes.c.host == host, within))
        if limit is not None:
            statement = statement.limit(limit)
        return self._database.read(
            lambda connection: [volume_rows.volume_of(row) for row in connection.execute(statement)]
        )

    def create(self, volume: Volume, work: Sequence[WorkRequest] = ()) -> Volume:
        """A new row, and the work that goes with it, in one transaction.

        The same volume again is harmless. Raises VolumeTypeNotFound, and InvalidRequest where the id is another's.
        """

        def write(connection: Connection) -> Volume:
            now = self._database.now(connection)
            known = volume_rows.read(connection, volume.id)
            if known is not None:
                if known.project_id != volume.project_id:
                    raise InvalidRequest("id", f"{volume.id} is taken; give another, or none")
                return known
            values = volume_rows.values_of(volume)
            connection.execute(sa.insert(volumes).values({**values, "created_at": values["created_at"] or now}))
            work_rows.queue(connection, work, now)
            made = volume_rows.read(connection, volume.id)
            assert made is not None  # noqa: S101 - it was written two lines above
            return made

        try:
            return self._database.run(write)
        except IntegrityError as problem:
            raise _named(volume.volume_type_id, problem) from problem

    def update(self, volume_id: str, changes: Mapping[str, Any]) -> Volume:
        """The volume as it is then. Raises VolumeNotFound, InvalidRequest."""

        def write(connection: Connection) -> Volume | None:
            volume_rows.change(connection, volume_id, changes, self._database.now(connection))
            return volume_rows.read(connection, volume_id)

        try:
            changed = self._database.run(write)
        except IntegrityError as problem:
            raise _named(changes.get("volume_type_id"), problem) from problem
        if changed is None:
            raise VolumeNotFound(volume_id)
        return changed

    def set_status(
        self, volume_id: str, status: VolumeStatus, *, only_from: Iterable[VolumeStatus] | None = None
    ) -> bool:
        """True where the status was changed; False where the row is gone or was in another status."""
        allowed = None if only_from is None else [VolumeStatus(one).value for one in only_from]

        def write(connection: Connection) -> bool:
            statement = sa.update(volumes).where(volumes.c.id == volume_id)
            if allowed is not None:
                statement = statement.where(volumes.c.status.in_(allowed))
            values = {"status": VolumeStatus(status).value, "updated_at": self._database.now(connection)}
            return connection.execute(statement.values(**values)).rowcount == 1

        return self._database.run(write)

    def begin(
        self,
        volume_id: str,
        status: VolumeStatus,
        *,
        only_from: Iterable[VolumeStatus],
        work: Sequence[WorkRequest] = (),
        without_snapshots: bool = False,
    ) -> Volume:
        """Move to a status that stands for work in progress, and queue that work, in one transaction.

        The same work again is harmless. Raises VolumeNotFound, and InvalidRequest naming the status where the volume
        is in none of `only_from`, or, `without_snapshots`, where it has any.
        """
        allowed = sorted(VolumeStatus(one).value for one in only_from)
        return self._database.run(
            lambda connection: self._begin(connection, volume_id, status, allowed, work, without_snapshots)
        )

    def _begin(
        self,
        connection: Connection,
        volume_id: str,
        status: VolumeStatus,
        allowed: Sequence[str],
        work: Sequence[WorkRequest],
        without_snapshots: bool,
    ) -> Volume:
        now = self._database.now(connection)
        moved = connection.execute(
            sa.update(volumes)
            .where(volumes.c.id == volume_id, volumes.c.status.in_(allowed))
            .values(status=VolumeStatus(status).value, updated_at=now)
        )
        found = volume_rows.read(connection, volume_id)
        if found is None:
            raise VolumeNotFound(volume_id)
        if without_snapshots:
            volume_rows.refuse_with_snapshots(connection, volume_id)  # none can come: the volume's row is held
        if moved.rowcount == 1:
            work_rows.queue(connection, work, now)
        elif found.status is not VolumeStatus(status) or not work_rows.known(connection, work):
            raise InvalidRequest(
                "status", f"volume {volume_id} is {found.status}; it must be {' or '.join(allowed)} for this"
            )
        return found

    def discard(self, volume_id: str, *, only_from: Iterable[VolumeStatus], events: Sequence[Event] = ()) -> None:
        """Remove the row of a volume that was never placed, and keep what is told of it, in one transaction.

        Raises VolumeNotFound, and InvalidRequest where it is in none of these statuses, or has snapshots.
        """
        allowed = sorted(VolumeStatus(one).value for one in only_from)

        def write(connection: Connection) -> None:
            self._begin(connection, volume_id, VolumeStatus.DELETING, allowed, (), without_snapshots=True)
            volume_rows.remove(connection, volume_id)
            outbox.add(connection, events, self._database.now(connection))

        self._database.run(write)

    def remove(self, volume_id: str, events: Sequence[Event] = ()) -> None:
        """Remove the row, give back the room that it claims, and keep what is told of it; harmless where it is gone."""

        def write(connection: Connection) -> None:
            volume_rows.remove(connection, volume_id)
            outbox.add(connection, events, self._database.now(connection))

        self._database.run(write)


def _seen_by(statement: sa.Select[Any], project_id: str | None) -> sa.Select[Any]:
    return statement if project_id is None else statement.where(volumes.c.project_id == project_id)


def _named(volume_type_id: str | None, problem: IntegrityError) -> InvalidRequest:
    """The rule that a volume's row broke, by name."""
    if "volume_type_id" in str(problem.orig) or "FOREIGN KEY" in str(problem.orig):
        return VolumeTypeNotFound(str(volume_type_id))
    return InvalidRequest("volume", f"the database refuses it: {problem.orig}")
