"""Consistency checks: volumes, claims, pools, work items, and files on disk, compared with each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from volsched.db import pool_room
from volsched.db.database import Database
from volsched.db.schema import claims, pools
from volsched.db.schema import volumes as volumes_
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.model.volume import Volume


def problems(database: Database, disks: Path, unit: int) -> list[str]:
    """What does not fit, where nothing is in progress. `disks`: the folder with the folders of backends."""
    volumes = Volumes(database).list()
    return [
        *(f"volume {volume.id} is {volume.status}" for volume in volumes if volume.status.in_progress),
        *(f"work {work.id} ({work.operation}) is {work.state}" for work in WorkQueue(database).unfinished()),
        *_claims(database, volumes),
        *_pending(database),
        *_files(volumes, disks, unit),
    ]


def placed(database: Database) -> dict[str, float]:
    """Pool -> GiB that are claimed in it, at one moment, but for volumes that are leaving it.

    Those are off the disk before their claims are given back, and a report between gives the room to others.
    """
    leaving = sa.or_(
        volumes_.c.status == "deleting",
        sa.and_(claims.c.pool_id != sa.func.coalesce(volumes_.c.host, ""), claims.c.confirmed_at.is_not(None)),
    )
    statement = (
        sa.select(claims.c.pool_id, sa.func.sum(claims.c.size_gb))
        .join(volumes_, volumes_.c.id == claims.c.volume_id)
        .where(sa.not_(leaving))
        .group_by(claims.c.pool_id)
    )
    return {pool: float(size) for pool, size in database.read(lambda c: c.execute(statement).all())}


def _claims(database: Database, volumes: list[Volume] | tuple[Volume, ...]) -> Iterator[str]:
    """Every volume's claims are all in its pool and add up to its size; of a volume that failed there is none."""
    claimed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in database.read(lambda connection: connection.execute(sa.select(claims)).all()):
        claimed[row.volume_id][row.pool_id] += row.size_gb
    for volume in volumes:
        wanted = {volume.host: volume.size_gb} if volume.host and volume.status.value == "available" else {}
        found = dict(claimed.pop(volume.id, Counter()))
        if found != wanted:
            yield f"volume {volume.id} ({volume.status}) has the claims {found}, not {wanted}"
    for volume_id, found_there in claimed.items():
        yield f"the claims {dict(found_there)} are of a volume that is not there: {volume_id}"


def _pending(database: Database) -> Iterator[str]:
    unknown = sa.select(sa.func.coalesce(sa.func.sum(claims.c.size_gb), 0.0)).where(
        claims.c.pool_id == pools.c.id, pool_room.UNKNOWN
    )
    # One statement: a report between two of them changes what is pending.
    statement = sa.select(pools.c.id, pools.c.pending_gb, unknown.correlate(pools).scalar_subquery().label("claimed"))
    for row in database.read(lambda connection: connection.execute(statement).all()):
        if float(row.pending_gb) != float(row.claimed):
            yield f"pool {row.id} has {row.pending_gb} GiB pending; its claims say {row.claimed}"


def _files(volumes: list[Volume] | tuple[Volume, ...], disks: Path, unit: int) -> Iterator[str]:
    """A file of its size for each volume, where its row says, and no other."""
    there = {str(path): path.stat().st_size for path in disks.glob("*/*/*") if path.is_file()}
    for volume in volumes:
        if (
            volume.status.value == "available"
            and there.pop(str(volume.provider_location), None) != volume.size_gb * unit
        ):
            yield f"volume {volume.id} has no file of its size at {volume.provider_location}"
    yield from (f"nobody's file: {path}" for path in there if "volume-" in path)
