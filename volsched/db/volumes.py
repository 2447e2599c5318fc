"""Volumes, and the facts about them that filters and weighers need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """Volumes as rows. A port: VolumeStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, volume_id: str) -> Volume:
        """Raises VolumeNotFound."""
        found = self._database.read(lambda connection: volume_rows.read(connection, volume_id))
        if found is None:
            raise VolumeNotFound(volume_id)
        return found

    def find(self, name_or_id: str, project_id: str | None) -> Volume:
        """Return the volume of this id, else of this name, that the project may see (None: any).

        Raises VolumeNotFound, and InvalidRequest if several have the name.
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
        """Return the volumes that the project may see (None: all), oldest first. `host`: a pool or a backend."""
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
        """Insert a volume and its work in one transaction.

        The same volume again is harmless. Raises VolumeTypeNotFound, and InvalidRequest if another project has the id.
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
        """Change a volume and return it. Raises VolumeNotFound, InvalidRequest."""

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
        """Set the status; return False if the row is gone or was in another status."""
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
        """Set a status of work in progress, and queue that work, in one transaction.

        The same work again is harmless. Raises VolumeNotFound, and InvalidRequest if the volume is in none of
        `only_from`, or, with `without_snapshots`, has a snapshot.
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
            volume_rows.refuse_with_snapshots(connection, volume_id)  # none can be added: the volume's row is locked
        if moved.rowcount == 1:
            work_rows.queue(connection, work, now)
        elif found.status is not VolumeStatus(status) or not work_rows.known(connection, work):
            raise InvalidRequest(
                "status", f"volume {volume_id} is {found.status}; it must be {' or '.join(allowed)} for this"
            )
        return found

    def discard(self, volume_id: str, *, only_from: Iterable[VolumeStatus], events: Sequence[Event] = ()) -> None:
        """Delete the row of a volume that was never placed, and store its events, in one transaction.

        Raises VolumeNotFound, and InvalidRequest if it is in none of these statuses, or has snapshots.
        """
        allowed = sorted(VolumeStatus(one).value for one in only_from)

        def write(connection: Connection) -> None:
            self._begin(connection, volume_id, VolumeStatus.DELETING, allowed, (), without_snapshots=True)
            volume_rows.remove(connection, volume_id)
            outbox.add(connection, events, self._database.now(connection))

        self._database.run(write)

    def remove(self, volume_id: str, events: Sequence[Event] = ()) -> None:
        """Delete the row, release its claims and store its events; harmless if it is gone."""

        def write(connection: Connection) -> None:
            volume_rows.remove(connection, volume_id)
            outbox.add(connection, events, self._database.now(connection))

        self._database.run(write)


def _seen_by(statement: sa.Select[Any], project_id: str | None) -> sa.Select[Any]:
    return statement if project_id is None else statement.where(volumes.c.project_id == project_id)


def _named(volume_type_id: str | None, problem: IntegrityError) -> InvalidRequest:
    """Return the error for the constraint that a volume's row violated."""
    if "volume_type_id" in str(problem.orig) or "FOREIGN KEY" in str(problem.orig):
        return VolumeTypeNotFound(str(volume_type_id))
    return InvalidRequest("volume", f"the database refuses it: {problem.orig}")


#: The beginning of the migration_status of a volume that is the target of a migration.
MIGRATION_TARGET = "target:"


def _no_compute(instance_id: str) -> str:
    raise InvalidRequest(
        "scheduler_hints.local_to_instance",
        f"the host of instance {instance_id} is not known: no compute service is configured",
    )


class Facts:
    """What filters and weighers need beyond the request, each fact in one query. A port: FactSource.

    `instance_host` returns the hypervisor of a compute instance, which the database does not have.
    """

    def __init__(self, database: Database, *, instance_host: Callable[[str], str] = _no_compute) -> None:
        self._database = database
        self._instance_host = instance_host

    def backends_of(self, volume_ids: Sequence[str], project_id: str | None) -> Mapping[str, str]:
        """Return volume id -> host or cluster pool id of the volumes that the project may see (None: all)."""
        if not volume_ids:
            return {}
        statement = sa.select(volumes.c.id, volumes.c.cluster_name, volumes.c.host).where(
            volumes.c.id.in_(sorted(set(volume_ids)))
        )
        if project_id is not None:
            # the target of a migration is visible to operators only
            target = volumes.c.migration_status.startswith(MIGRATION_TARGET, autoescape=True)
            shown = sa.or_(volumes.c.migration_status.is_(None), sa.not_(target))
            statement = statement.where(volumes.c.project_id == project_id, shown)
        found = self._database.read(lambda connection: connection.execute(statement).all())
        return {row.id: row.cluster_name or row.host for row in found if row.cluster_name or row.host}

    def volume_counts(self) -> Mapping[str, int]:
        """Return host of volumes, as stored (host@backend#pool) -> number of volumes, of all projects."""
        statement = (
            sa.select(volumes.c.host, sa.func.count()).where(volumes.c.host.is_not(None)).group_by(volumes.c.host)
        )
        found = self._database.read(lambda connection: connection.execute(statement).all())
        return {row.host: int(row[1]) for row in found}

    def instance_host(self, instance_id: str) -> str:
        """Return the hypervisor host of a compute instance. Raises InvalidRequest if it cannot be found."""
        return self._instance_host(instance_id)
