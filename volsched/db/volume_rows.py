"""Volume rows in larger transactions: read, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db import pool_room
from volsched.db.schema import snapshots, volumes
from volsched.exceptions import InvalidRequest
from volsched.model.volume import Volume, VolumeStatus

TIMES = frozenset({"created_at", "scheduled_at", "launched_at", "updated_at"})
FIELDS = frozenset(Volume.__struct_fields__)
CHANGEABLE = FIELDS - {"id", "created_at"}


def volume_of(row: Row[Any]) -> Volume:
    """Return the volume of a row."""
    values = {str(name): value for name, value in row._mapping.items()}
    for name in TIMES:
        values[name] = written(values[name])
    return Volume.parse(values)


def written(moment: datetime | None) -> str | None:
    """Return a time as ISO 8601 text."""
    return None if moment is None else moment.isoformat()


def values_of(volume: Volume) -> dict[str, Any]:
    """Return the row of a volume. Raises InvalidRequest if a time cannot be parsed."""
    return {name: _stored(name, value) for name, value in volume.plain().items()}


def read(connection: Connection, volume_id: str) -> Volume | None:
    row = connection.execute(_OF_ID, {"volume": volume_id}).first()
    return None if row is None else volume_of(row)


def change(connection: Connection, volume_id: str, changes: Mapping[str, Any], now: datetime) -> bool:
    """Change a volume; return False if it is gone. Raises InvalidRequest for an unknown field."""
    unknown = sorted(set(changes) - CHANGEABLE)
    if unknown:
        raise InvalidRequest(unknown[0], f"no field of a volume that can be changed; there are {sorted(CHANGEABLE)}")
    values = {f"new_{name}": _stored(name, value) for name, value in {"updated_at": now, **changes}.items()}
    statement = _changing(tuple(sorted({"updated_at", *changes})))
    return connection.execute(statement, {"volume": volume_id, **values}).rowcount == 1


@lru_cache(maxsize=256)
def _changing(names: tuple[str, ...]) -> sa.Update:
    """Return the statement that changes these fields. Building it takes ten times as long as executing it."""
    values = {name: sa.bindparam(f"new_{name}", type_=volumes.c[name].type) for name in names}
    return sa.update(volumes).where(volumes.c.id == sa.bindparam("volume")).values(values)


_OF_ID = sa.select(volumes).where(volumes.c.id == sa.bindparam("volume"))


def remove(connection: Connection, volume_id: str) -> None:
    """Delete a volume and its claims; harmless if it is gone. Raises InvalidRequest while it has snapshots."""
    refuse_with_snapshots(connection, volume_id)
    pool_room.release_all(connection, volume_id)
    connection.execute(sa.delete(volumes).where(volumes.c.id == volume_id))


def refuse_with_snapshots(connection: Connection, volume_id: str) -> None:
    """Raises InvalidRequest while the volume has snapshots."""
    found = sa.select(sa.func.count()).select_from(snapshots).where(snapshots.c.volume_id == volume_id)
    count = connection.execute(found).scalar_one()
    if count:
        raise InvalidRequest("volume", f"{volume_id} has {counted(count, 'snapshot')}; delete them first")


def counted(count: int, what: str) -> str:
    """Return `1 snapshot`, `2 snapshots`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _stored(name: str, value: Any) -> Any:
    if name in TIMES:
        return _moment(name, value)
    if name == "metadata":
        return dict(value or {})
    if name == "status":
        return VolumeStatus(value).value
    return value.value if isinstance(value, Enum) else value


def _moment(name: str, value: Any) -> datetime | None:
    """Return a naive time in UTC from ISO 8601 text or a time."""
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidRequest(name, f"{value!r} is no time, e.g. 2026-11-23T01:02:03") from None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
