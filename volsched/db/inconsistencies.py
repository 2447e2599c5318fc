"""Inconsistencies between volumes, claims, pools, work and reservations: each found by one check, and repaired.

These rows change together in one transaction, so an inconsistency is the result of a mistake in volsched or of manual
changes. Work in progress is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db import pool_room, work_rows
from volsched.db.schema import claims, pools, reservations, snapshots, volume_groups, volumes, work
from volsched.model.claim import ClaimState
from volsched.model.inconsistency import Inconsistency
from volsched.model.snapshot import SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import WorkState

#: Rows that changed within this time may belong to work in progress.
SETTLED_AFTER = timedelta(seconds=60)
#: An expired reservation no longer counts; after this time no work item needs it either.
FORGOTTEN_AFTER = timedelta(hours=1)
NOISE_GB = pool_room.NOISE_GB

IN_PROGRESS = tuple(status.value for status in VolumeStatus if status.in_progress)
#: The status of a volume whose work is lost. During a move the original is the volume until the end.
LOST = {
    VolumeStatus.CREATING: VolumeStatus.ERROR,
    VolumeStatus.MANAGING: VolumeStatus.ERROR_MANAGING,
    VolumeStatus.EXTENDING: VolumeStatus.ERROR_EXTENDING,
    VolumeStatus.DELETING: VolumeStatus.ERROR_DELETING,
    VolumeStatus.RETYPING: VolumeStatus.AVAILABLE,
    VolumeStatus.MIGRATING: VolumeStatus.AVAILABLE,
}
#: Snapshots that have a claim.
KEPT = (SnapshotStatus.AVAILABLE.value, SnapshotStatus.ERROR_DELETING.value)
UNDER_WAY = (SnapshotStatus.CREATING.value, SnapshotStatus.DELETING.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check for one kind of inconsistency. `repair` repairs one and returns True, or False if it is gone."""

    name: str
    find: Callable[[Connection, datetime], Iterator[Inconsistency]]
    repair: Callable[[Connection, Inconsistency, datetime], bool] | None = None


def _busy(volume_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a volume has unfinished work."""
    return sa.exists().where(work.c.volume_id == volume_id, work.c.state.in_(work_rows.UNFINISHED))


def _settled(now: datetime) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(volumes.c.updated_at, volumes.c.created_at) < now - SETTLED_AFTER


# -- work ----------------------------------------------------------------------------------------------------------


def volumes_without_work(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield volumes in progress without a work item."""
    statement = sa.select(volumes.c.id, volumes.c.status).where(
        volumes.c.status.in_(IN_PROGRESS), _settled(now), sa.not_(_busy(volumes.c.id))
    )
    for row in connection.execute(statement.order_by(volumes.c.id)):
        yield Inconsistency(
            check="volumes without work",
            subject=row.id,
            what=f"the volume is {row.status}, and no work for it is left",
            fix=f"set it to {LOST[VolumeStatus(row.status)].value}",
        )


def _end_progress(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    ended = 0
    for status, becomes in LOST.items():
        statement = sa.update(volumes).where(
            volumes.c.id == drift.subject, volumes.c.status == status.value, sa.not_(_busy(volumes.c.id))
        )
        ended += connection.execute(statement.values(status=becomes.value, updated_at=now)).rowcount
        if ended:
            break
    return ended == 1


def work_without_volume(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield work items whose volume is gone."""
    for row in connection.execute(sa.select(work).where(*_orphaned(now)).order_by(work.c.seq)):
        yield Inconsistency(
            check="work without a volume",
            subject=row.id,
            what=f"{row.operation} waits in {row.queue}, and its volume {row.volume_id} is gone",
            fix="end it",
        )


def _orphaned(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        work.c.volume_id.is_not(None),
        work.c.created_at < now - SETTLED_AFTER,
        sa.or_(
            work.c.state == WorkState.QUEUED.value,
            sa.and_(work.c.state == WorkState.RUNNING.value, work.c.lease_until <= now),
        ),
        sa.not_(sa.exists().where(volumes.c.id == work.c.volume_id)),
        sa.not_(sa.exists().where(volume_groups.c.id == work.c.volume_id)),
    )


def _end_work(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    ended = {
        "state": WorkState.FAILED.value,
        "busy_volume_id": None,
        "problem": "its volume is gone; ended by the audit",
        "finished_at": now,
    }
    statement = sa.update(work).where(work.c.id == drift.subject, *_orphaned(now)).values(**ended)
    return connection.execute(statement).rowcount == 1


# -- claims --------------------------------------------------------------------------------------------------------


def claims_without_volume(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield claims of a volume that is gone, or that is in another pool and not in progress."""
    for row in connection.execute(_stray(now).order_by(claims.c.key)):
        where = "is gone" if row.status is None else f"is in {row.host or 'no pool'} ({row.status})"
        yield Inconsistency(
            check="claims without a volume",
            subject=row.key,
            what=f"{row.size_gb:g} GiB are claimed in {row.pool_id}, and the volume {row.volume_id} {where}",
            fix="give the room back",
        )


def _stray(now: datetime) -> sa.Select[Any]:
    elsewhere = sa.and_(
        sa.or_(volumes.c.host.is_(None), volumes.c.host != claims.c.pool_id),
        sa.or_(volumes.c.cluster_name.is_(None), volumes.c.cluster_name != claims.c.pool_id),
        volumes.c.status.not_in(IN_PROGRESS),
        _settled(now),
        sa.not_(_busy(volumes.c.id)),
    )
    columns = (claims.c.key, claims.c.pool_id, claims.c.size_gb, claims.c.volume_id, volumes.c.host, volumes.c.status)
    joined = claims.outerjoin(volumes, volumes.c.id == claims.c.volume_id)
    return sa.select(*columns).select_from(joined).where(sa.or_(volumes.c.id.is_(None), elsewhere))


def _give_back(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    pool_room.lock(connection, pool_room.pools_of(connection, [drift.subject]))
    if connection.execute(_stray(now).where(claims.c.key == drift.subject)).first() is None:
        return False
    pool_room.release(connection, [drift.subject])
    return True


def claims_that_differ(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield volumes whose claims differ from the size of them and their snapshots."""
    for row in connection.execute(_sums(now).order_by(volumes.c.id)):
        if abs(_missing(row)) <= NOISE_GB:
            continue
        with_snapshots = " with its snapshots" if row.kept else ""
        nothing = "nothing is" if not row.number else f"{row.claimed:g} GiB are"
        yield Inconsistency(
            check="claims that differ",
            subject=row.id,
            what=f"the volume has {row.has:g} GiB{with_snapshots} in {row.host}, and {nothing} claimed for it there",
            fix="claim what it has",
            repairable=row.known,
        )


def _sums(now: datetime) -> sa.Select[Any]:
    """Return a statement with each volume that is not in progress, its size with snapshots and its claims."""
    own = sa.and_(claims.c.volume_id == volumes.c.id, claims.c.pool_id == volumes.c.host)
    of = sa.and_(snapshots.c.volume_id == volumes.c.id, snapshots.c.status.in_(KEPT))
    kept = sa.select(sa.func.coalesce(sa.func.sum(snapshots.c.size_gb), 0)).where(of).scalar_subquery()
    claimed = sa.select(sa.func.coalesce(sa.func.sum(claims.c.size_gb), 0.0)).where(own).scalar_subquery()
    return sa.select(
        volumes.c.id,
        volumes.c.host,
        kept.label("kept"),
        (volumes.c.size_gb + kept).label("has"),
        claimed.label("claimed"),
        sa.select(sa.func.count()).select_from(claims).where(own).scalar_subquery().label("number"),
        sa.exists().where(pools.c.id == volumes.c.host).label("known"),
    ).where(
        volumes.c.status == VolumeStatus.AVAILABLE.value,
        volumes.c.host.is_not(None),
        volumes.c.cluster_name.is_(None),
        _settled(now),
        sa.not_(_busy(volumes.c.id)),
        sa.not_(sa.exists().where(snapshots.c.volume_id == volumes.c.id, snapshots.c.status.in_(UNDER_WAY))),
    )


def _missing(row: Row[Any]) -> float:
    """Return the GiB that the claims lack; negative: have too many. Some databases return sums as decimals."""
    return float(row.has) - float(row.claimed)


def _claim_what_it_has(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    """Insert or resize the volume's own claim. Only later reports count a new one."""
    first = connection.execute(_sums(now).where(volumes.c.id == drift.subject)).first()
    if first is None or not first.known:
        return False
    pool_room.lock(connection, [first.host])
    row = connection.execute(_sums(now).where(volumes.c.id == drift.subject)).first()
    if row is None or row.host != first.host or abs(_missing(row)) <= NOISE_GB:
        return False
    held = _own_claim(connection, row)
    if held is None:
        values = {"key": _free_key(connection, row.id), "volume_id": row.id, "pool_id": row.host, "made_at": now}
        made = {**values, "size_gb": _missing(row), "state": ClaimState.CONFIRMED.value, "confirmed_at": now}
        connection.execute(sa.insert(claims).values(**made))
    else:
        size = held.size_gb + _missing(row)
        connection.execute(sa.update(claims).where(claims.c.key == held.key).values(size_gb=size))
    pool_room.recount(connection, [row.host])
    return True


def _own_claim(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    """Return the volume's largest claim that can be resized; None: another one must be inserted."""
    statement = sa.select(claims).where(claims.c.volume_id == row.id, claims.c.pool_id == row.host)
    of_snapshots = sa.select(snapshots.c.id).where(snapshots.c.volume_id == row.id)
    largest = statement.where(claims.c.key.not_in(of_snapshots)).order_by(claims.c.size_gb.desc(), claims.c.key)
    held = connection.execute(largest).first()
    return held if held is not None and held.size_gb + _missing(row) >= 0 else None


def _free_key(connection: Connection, volume_id: str) -> str:
    taken = connection.execute(sa.select(claims.c.key).where(claims.c.key == volume_id)).first()
    return volume_id if taken is None else f"{volume_id}/audit"


def claims_in_lost_pools(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield pools with claims that their backends no longer report."""
    statement = (
        sa.select(pools.c.id, sa.func.count().label("number"), sa.func.sum(claims.c.size_gb).label("size"))
        .join(claims, claims.c.pool_id == pools.c.id)
        .where(pools.c.present.is_(False))
        .group_by(pools.c.id)
    )
    for row in connection.execute(statement.order_by(pools.c.id)):
        yield Inconsistency(
            check="claims in lost pools",
            subject=row.id,
            what=f"{row.number} claims of {row.size:g} GiB are in a pool that its backend reports no more",
            fix="let the backend report the pool again, or delete what was there",
            repairable=False,
        )


# -- pools ---------------------------------------------------------------------------------------------------------


def pending_that_differs(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield pools whose pending_gb differs from the sum of their pending claims."""
    pending = (
        sa.select(sa.func.coalesce(sa.func.sum(claims.c.size_gb), 0.0))
        .where(claims.c.pool_id == pools.c.id, pool_room.UNKNOWN)
        .correlate(pools)
        .scalar_subquery()
    )
    statement = sa.select(pools.c.id, pools.c.pending_gb, pending.label("claimed")).order_by(pools.c.id)
    for row in connection.execute(statement):
        if abs(float(row.pending_gb) - float(row.claimed)) > NOISE_GB:
            yield Inconsistency(
                check="pending that differs",
                subject=row.id,
                what=f"{row.pending_gb:g} GiB are pending, and the claims that no report knows are {row.claimed:g} GiB",
                fix="count it anew",
            )


def _recount(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    pool_room.lock(connection, [drift.subject])
    pool_room.recount(connection, [drift.subject])
    return True


def allocated_that_differs(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield pools whose reported allocation differs from their volumes, if nothing has changed since the report."""
    there = (
        sa.select(sa.func.coalesce(sa.func.sum(volumes.c.size_gb), 0)).where(volumes.c.host == pools.c.id)
    ).scalar_subquery()
    queue = sa.literal("agent:") + pools.c.backend_id
    since = sa.exists().where(
        work.c.queue == queue,
        sa.or_(work.c.state.in_(work_rows.UNFINISHED), work.c.finished_at >= pools.c.reported_at),
    )
    pending = sa.exists().where(claims.c.pool_id == pools.c.id, pool_room.UNKNOWN)
    statement = sa.select(pools.c.id, pools.c.allocated_gb, there.label("there")).where(
        pools.c.present.is_(True),
        pools.c.allocated_gb.is_not(None),
        pools.c.reported_at.is_not(None),
        sa.not_(since),
        sa.not_(pending),
    )
    for row in connection.execute(statement.order_by(pools.c.id)):
        if abs(float(row.allocated_gb) - float(row.there)) > NOISE_GB:
            yield Inconsistency(
                check="allocated that differs",
                subject=row.id,
                what=f"its backend counts {row.allocated_gb:g} GiB of volumes, and those known to be in it have "
                f"{row.there:g} GiB",
                fix="look at the backend: volumes that nobody knows (volsched volume manage), or that it has lost",
                repairable=False,
            )


# -- quotas --------------------------------------------------------------------------------------------------------


def expired_reservations(connection: Connection, now: datetime) -> Iterator[Inconsistency]:
    """Yield quota reservations that expired long ago."""
    statement = sa.select(reservations).where(reservations.c.expires_at < now - FORGOTTEN_AFTER)
    for row in connection.execute(statement.order_by(reservations.c.id)):
        yield Inconsistency(
            check="expired reservations",
            subject=row.id,
            what=f"project {row.project_id} has reserved {row.volumes} volumes, {row.gigabytes} GiB until "
            f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            fix="forget it; it counts no longer",
        )


def _forget(connection: Connection, drift: Inconsistency, now: datetime) -> bool:
    statement = sa.delete(reservations).where(
        reservations.c.id == drift.subject, reservations.c.expires_at < now - FORGOTTEN_AFTER
    )
    return connection.execute(statement).rowcount == 1


#: In this order: a later check finds what an earlier repair leaves.
CHECKS = (
    Check(name="volumes without work", find=volumes_without_work, repair=_end_progress),
    Check(name="work without a volume", find=work_without_volume, repair=_end_work),
    Check(name="claims without a volume", find=claims_without_volume, repair=_give_back),
    Check(name="claims that differ", find=claims_that_differ, repair=_claim_what_it_has),
    Check(name="claims in lost pools", find=claims_in_lost_pools),
    Check(name="pending that differs", find=pending_that_differs, repair=_recount),
    Check(name="allocated that differs", find=allocated_that_differs),
    Check(name="expired reservations", find=expired_reservations, repair=_forget),
)
