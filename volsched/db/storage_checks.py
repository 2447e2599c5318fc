"""What backends hold, compared with the volumes and snapshots in the database, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db import work_rows
from volsched.db.inconsistencies import IN_PROGRESS, NOISE_GB, Check
from volsched.db.schema import inventories, pools, snapshots, stored_volumes, volumes, work
from volsched.model.inconsistency import Inconsistency
from volsched.model.snapshot import SnapshotStatus
from volsched.model.volume import VolumeStatus

#: Volumes that have, or may have, nothing on their storage.
UNSTORED = (*IN_PROGRESS, VolumeStatus.ERROR_DELETING.value, VolumeStatus.ERROR_MANAGING.value)
PLACE = sa.func.coalesce(volumes.c.cluster_name, volumes.c.host)
CHANGED = sa.func.coalesce(volumes.c.updated_at, volumes.c.created_at)


def lost_volumes(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Volumes and snapshots that their backend does not hold."""
    where = (volumes.c.status.not_in(UNSTORED), volumes.c.provider_location.is_not(None))
    statement = _at_rest(volumes.c.id, volumes.c.id, volumes.c.provider_location, False).where(*where)
    for row in connection.execute(statement.order_by(volumes.c.id)):
        yield _lost(row.id, f"the volume is not in {row.place}", row.provider_location)
    kept = snapshots.c.status == SnapshotStatus.AVAILABLE.value
    of = snapshots.c.volume_id == volumes.c.id
    statement = _at_rest(snapshots.c.id, volumes.c.id, snapshots.c.created_at, True).where(kept, of)
    for row in connection.execute(statement.where(snapshots.c.created_at < inventories.c.begun_at)):
        yield _lost(row.id, f"the snapshot is not in {row.place}", None)


def _lost(id: str, what: str, location: str | None) -> Inconsistency:
    return Inconsistency(
        check="lost volumes",
        subject=id,
        what=what + (f", at {location}" if location else ""),
        fix="restore it from a backup, or delete it here",
        repairable=False,
    )


def _at_rest(id: sa.Column[Any], volume_id: sa.Column[Any], more: sa.Column[Any], is_snapshot: bool) -> sa.Select[Any]:
    """Objects of volumes that nothing was done to since the last inventory of their backend, and that it lacks."""
    there = sa.exists().where(
        stored_volumes.c.pool_id == PLACE, stored_volumes.c.id == id, stored_volumes.c.is_snapshot.is_(is_snapshot)
    )
    return (
        sa.select(id.label("id"), PLACE.label("place"), more)
        .join_from(volumes, pools, pools.c.id == PLACE)
        .join(inventories, inventories.c.backend_id == pools.c.backend_id)
        .where(inventories.c.begun_at > CHANGED, _quiet(volume_id, inventories.c.begun_at), sa.not_(there))
    )


def _quiet(volume_id: sa.ColumnElement[Any], since: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether no work of a volume waits, runs, or was finished since."""
    recent = sa.or_(work.c.state.in_(work_rows.UNFINISHED), work.c.finished_at >= since)
    return sa.not_(sa.exists().where(work.c.volume_id == volume_id, recent))


def unknown_volumes(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Volumes and snapshots on a backend that the database does not have, or has elsewhere."""
    elsewhere = (
        sa.select(stored_volumes, PLACE.label("place"))
        .outerjoin(volumes, volumes.c.id == stored_volumes.c.id)
        .where(
            stored_volumes.c.is_snapshot.is_(False),
            _quiet(stored_volumes.c.id, stored_volumes.c.seen_at),
            sa.or_(
                volumes.c.id.is_(None),
                sa.and_(
                    stored_volumes.c.pool_id != PLACE,
                    volumes.c.status.not_in(IN_PROGRESS),
                    stored_volumes.c.seen_at > CHANGED,
                ),
            ),
        )
    )
    for row in connection.execute(elsewhere.order_by(stored_volumes.c.pool_id, stored_volumes.c.id)):
        known = "the database does not have" if row.place is None else f"the database has in {row.place}"
        yield _unknown(row, f"a volume that {known}")
    removed = sa.exists().where(
        work.c.operation == "delete_snapshot",
        sa.or_(work.c.state.in_(work_rows.UNFINISHED), work.c.finished_at >= stored_volumes.c.seen_at),
    )
    there = sa.exists().where(snapshots.c.id == stored_volumes.c.id)
    gone = sa.select(stored_volumes).where(stored_volumes.c.is_snapshot.is_(True), sa.not_(there), sa.not_(removed))
    for row in connection.execute(gone.order_by(stored_volumes.c.pool_id, stored_volumes.c.id)):
        yield _unknown(row, "a snapshot that the database does not have")


def _unknown(row: sa.Row[Any], what: str) -> Inconsistency:
    return Inconsistency(
        check="unknown volumes",
        subject=row.id,
        what=f"{row.pool_id} holds {what}: {row.size_gb:g} GiB at {row.location}",
        fix="look at it and remove it, or rename it and take it over (volsched volume manage)",
        repairable=False,
    )


def sizes_that_differ(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Volumes that are larger or smaller on their backend than in the database."""
    here = sa.and_(stored_volumes.c.id == volumes.c.id, stored_volumes.c.pool_id == PLACE)
    statement = (
        sa.select(
            volumes.c.id, volumes.c.size_gb, stored_volumes.c.size_gb.label("found_gb"), stored_volumes.c.location
        )
        .join(stored_volumes, here)
        .where(
            stored_volumes.c.is_snapshot.is_(False),
            volumes.c.status.not_in(UNSTORED),
            stored_volumes.c.seen_at > CHANGED,
            _quiet(volumes.c.id, stored_volumes.c.seen_at),
            sa.func.abs(stored_volumes.c.size_gb - volumes.c.size_gb) > NOISE_GB,
        )
    )
    for row in connection.execute(statement.order_by(volumes.c.id)):
        shorter = row.found_gb < row.size_gb
        yield Inconsistency(
            check="sizes that differ",
            subject=row.id,
            what=f"the volume has {row.size_gb} GiB, and {row.location} has {row.found_gb:g}",
            fix="restore it from a backup, or delete it" if shorter else "extend the volume to that size",
            repairable=False,
        )


STORAGE_CHECKS = (
    Check(name="lost volumes", find=lost_volumes),
    Check(name="unknown volumes", find=unknown_volumes),
    Check(name="sizes that differ", find=sizes_that_differ),
)
