"""The ids of the storage that pools lie on, and what backends hold, volume by volume."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from volsched.db.database import Database
from volsched.db.leases import is_dead
from volsched.db.schema import inventories, pool_storage, stored_volumes
from volsched.model.report import StoredVolume

LOG = logging.getLogger(__name__)

#: How long a process that saw a storage counts as a user of it, and how often it stores that it does.
SEEN_SECONDS, SEE_AGAIN_SECONDS = 60.0, 15.0
#: Volumes in one statement.
BATCH = 500


class StorageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The storage of a pool, and which process saw it last."""

    storage_id: str  # '': the operator accepts any
    seen_by: str  # the owner of leases, as in `work`
    age_seconds: float  # since then

    def is_used_by_another(self, owner: str) -> bool:
        """Whether another process that may be alive sees the storage."""
        recent = self.age_seconds < SEEN_SECONDS
        return recent and bool(self.seen_by) and self.seen_by != owner and not is_dead(self.seen_by)


class Storage:
    """Storage ids and inventories. A port: PoolStorage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- storage ids

    def records(self, backend_id: str) -> Mapping[str, StorageRecord]:
        """Pool name -> the storage that the pool has."""
        return self._database.read(lambda connection: _records(connection, backend_id, self._database.now(connection)))

    def seen(self, backend_id: str, found: Mapping[str, str], owner: str) -> Mapping[str, StorageRecord]:
        """Store that a process sees these storage ids; those of pools that have another id already are not stored."""

        def write(connection: Connection) -> None:
            now = self._database.now(connection)
            for pool, storage_id in sorted(found.items()):
                _see(connection, f"{backend_id}#{pool}", storage_id, owner, now)

        try:
            self._database.run(write)
        except IntegrityError:
            LOG.info("backend %s: another agent stored the ids of its storage at this moment", backend_id)
        return self.records(backend_id)

    def accept(self, pool_id: str) -> None:
        """Let the pool have whatever storage is there when its agent looks next."""

        def write(connection: Connection) -> None:
            values = {"storage_id": "", "seen_by": "", "seen_at": self._database.now(connection)}
            statement = sa.update(pool_storage).where(pool_storage.c.pool_id == pool_id).values(**values)
            if connection.execute(statement).rowcount == 0:
                connection.execute(sa.insert(pool_storage).values(pool_id=pool_id, **values))

        self._database.run(write)

    # -- inventories

    def inventory_begun(self, backend_id: str) -> datetime | None:
        """When the last complete inventory of a backend was begun; None where there is none."""
        statement = sa.select(inventories.c.begun_at).where(inventories.c.backend_id == backend_id)
        return self._database.read(lambda connection: connection.execute(statement).scalar_one_or_none())

    def store_inventory(self, backend_id: str, volumes: Iterable[StoredVolume], begun: datetime) -> None:
        """Replace the inventory of a backend by one that was begun at this time, in batches.

        It counts from the last batch on; until then the one before is complete, and may hold what is new as well.
        """
        source = iter(volumes)
        while batch := list(islice(source, BATCH)):
            self._database.run(partial(_put, backend_id=backend_id, batch=batch, begun=begun))

        def end(connection: Connection) -> None:
            old = sa.and_(stored_volumes.c.backend_id == backend_id, stored_volumes.c.seen_at < begun)
            connection.execute(sa.delete(stored_volumes).where(old))
            known = sa.update(inventories).where(inventories.c.backend_id == backend_id).values(begun_at=begun)
            if connection.execute(known).rowcount == 0:
                connection.execute(sa.insert(inventories).values(backend_id=backend_id, begun_at=begun))

        self._database.run(end)


def _records(connection: Connection, backend_id: str, now: datetime) -> Mapping[str, StorageRecord]:
    statement = sa.select(pool_storage).where(pool_storage.c.pool_id.startswith(f"{backend_id}#", autoescape=True))
    return {
        row.pool_id.rpartition("#")[2]: StorageRecord(
            storage_id=row.storage_id, seen_by=row.seen_by, age_seconds=(now - row.seen_at).total_seconds()
        )
        for row in connection.execute(statement)
    }


def _see(connection: Connection, pool_id: str, storage_id: str, owner: str, now: datetime) -> None:
    values = {"storage_id": storage_id, "seen_by": owner, "seen_at": now}
    row = connection.execute(sa.select(pool_storage).where(pool_storage.c.pool_id == pool_id)).first()
    if row is None:
        connection.execute(sa.insert(pool_storage).values(pool_id=pool_id, **values))
    elif row.storage_id in (storage_id, ""):
        same = sa.and_(pool_storage.c.pool_id == pool_id, pool_storage.c.storage_id == row.storage_id)
        connection.execute(sa.update(pool_storage).where(same).values(**values))


def _put(connection: Connection, *, backend_id: str, batch: Iterable[StoredVolume], begun: datetime) -> None:
    """Replace the rows of these volumes."""
    rows = [_row(backend_id, stored, begun) for stored in batch]
    for pool_id in {row["pool_id"] for row in rows}:
        ids = [row["id"] for row in rows if row["pool_id"] == pool_id]
        these = sa.and_(stored_volumes.c.pool_id == pool_id, stored_volumes.c.id.in_(ids))
        connection.execute(sa.delete(stored_volumes).where(these))
    connection.execute(sa.insert(stored_volumes), rows)


def _row(backend_id: str, stored: StoredVolume, begun: datetime) -> dict[str, Any]:
    return {
        "backend_id": backend_id,
        "pool_id": f"{backend_id}#{stored.pool}",
        "id": stored.id,
        "is_snapshot": stored.is_snapshot,
        "size_gb": stored.size_gb,
        "location": stored.location,
        "seen_at": begun,
    }
