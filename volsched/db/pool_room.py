"""Room in pools: claimed by one conditional update, summed anew whenever a claim or a report changes what is pending.

Invariant of every committed state: a pool's pending_gb is the sum of its claims that its report cannot count
(`Claim.known_to`). A transaction that changes claims locks the rows of their pools, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from volsched.db.schema import claims, pools
from volsched.model.claim import Claim, ClaimState
from volsched.model.report import MOST_AHEAD_SECONDS, seconds_ahead

#: Sizes have two decimal places; a difference below half of the last one is rounding, not room.
NOISE_GB = 0.005


def _unknown_to(reported_at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(claims.c.confirmed_at.is_(None), reported_at.is_(None), claims.c.confirmed_at >= reported_at)


def pending(reported_at: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Return the sum of a pool's claims that a report with this time stamp cannot count, for an update of `pools`."""
    return (
        sa.select(sa.func.coalesce(sa.func.sum(claims.c.size_gb), 0.0))
        .where(claims.c.pool_id == pools.c.id, _unknown_to(reported_at))
        .correlate(pools)
        .scalar_subquery()
    )


# Claims that the report of their pool cannot count: SQL for `not Claim.known_to(reported_at)`.
UNKNOWN = _unknown_to(pools.c.reported_at)


def claim_of(row: Row[Any]) -> Claim:
    """Return the claim of a row."""
    values = dict(row._mapping)
    return Claim(**{**values, "state": ClaimState(values["state"])})


def claim_room(connection: Connection, claim: Claim, *, thin: bool) -> bool:
    """Claim the room; return False if the pool is gone or has less left, or the key is claimed already (see `of_key`).

    `thin`: see Placement.
    """
    wanted = {"key": claim.key, "pool": claim.pool_id, "size": claim.size_gb, "least": claim.size_gb - NOISE_GB}
    return connection.execute(_CLAIM_THIN if thin else _CLAIM_THICK, wanted).rowcount == 1


def _claiming(room: sa.Column[Any]) -> sa.Update:
    return (
        sa.update(pools)
        .where(
            pools.c.id == sa.bindparam("pool"),
            pools.c.present.is_(True),
            sa.or_(room.is_(None), room - pools.c.pending_gb >= sa.bindparam("least", type_=sa.Double)),
            sa.not_(sa.exists(sa.select(claims.c.key).where(claims.c.key == sa.bindparam("key")))),
        )
        .values(pending_gb=pools.c.pending_gb + sa.bindparam("size", type_=sa.Double))
    )


# Built once: building a statement takes ten times as long as executing it.
_CLAIM_THIN, _CLAIM_THICK = _claiming(pools.c.room_thin_gb), _claiming(pools.c.room_thick_gb)
_INSERT = sa.insert(claims)
_OF_KEY = sa.select(claims).where(claims.c.key == sa.bindparam("the_key"))


def of_key(connection: Connection, key: str) -> Claim | None:
    """Return the claim of this key."""
    row = connection.execute(_OF_KEY, {"the_key": key}).first()
    return None if row is None else claim_of(row)


def insert(connection: Connection, claim: Claim) -> None:
    """Insert the row of a claim whose room was claimed in the same transaction."""
    connection.execute(
        _INSERT,
        {
            "key": claim.key,
            "volume_id": claim.volume_id,
            "pool_id": claim.pool_id,
            "size_gb": claim.size_gb,
            "made_at": claim.made_at,
            "state": claim.state.value,
            "confirmed_at": claim.confirmed_at,
        },
    )


def pools_of(connection: Connection, keys: Iterable[str], volume_id: str | None = None) -> list[str]:
    """Return the pools of these claims, and of all claims of this volume."""
    which = claims.c.key.in_(sorted(set(keys)))
    return _pools_of(connection, which if volume_id is None else sa.or_(which, claims.c.volume_id == volume_id))


def lock(connection: Connection, pool_ids: Iterable[str]) -> None:
    """Lock pools against claims, releases and reports of other transactions, until this one ends."""
    wanted = sorted(set(pool_ids))
    if wanted:
        statement = sa.select(pools.c.id).where(pools.c.id.in_(wanted)).order_by(pools.c.id)
        connection.execute(statement.with_for_update(key_share=True)).all()


def recount(connection: Connection, pool_ids: Iterable[str]) -> None:
    """Set pending_gb of locked pools to the sum of their claims."""
    wanted = sorted(set(pool_ids))
    if wanted:
        statement = sa.update(pools).where(pools.c.id.in_(wanted))
        connection.execute(statement.values(pending_gb=pending(pools.c.reported_at)))


def confirm_from_the_future(connection: Connection, pool_ids: Iterable[str], now: datetime) -> None:
    """Set the confirmation times that a wrong clock put into the future to now; pending_gb is not counted anew."""
    wanted = sorted(set(pool_ids))
    if wanted:
        wrong = claims.c.confirmed_at > now + timedelta(seconds=MOST_AHEAD_SECONDS)
        statement = sa.update(claims).where(claims.c.pool_id.in_(wanted), wrong)
        connection.execute(statement.values(confirmed_at=now))


def confirm(
    connection: Connection,
    keys: Iterable[str],
    at: datetime | None,
    now: datetime,
    sizes: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Mark claims as made real by their backend; the first confirmation counts, unknown keys are ignored.

    `at`: when, by the backend's clock; now if it is None or too far in the future. `sizes`: claim key -> the size that
    was really taken, if it differs from the claimed one.
    """
    at = now if at is None or seconds_ahead(at, now) else at
    wanted = sorted(set(keys))
    affected = _pools_of(connection, claims.c.key.in_(wanted)) if wanted else []
    if not affected:
        return
    lock(connection, affected)
    connection.execute(
        sa.update(claims)
        .where(claims.c.key.in_(wanted), claims.c.confirmed_at.is_(None))
        .values(state=ClaimState.CONFIRMED.value, confirmed_at=at)
    )
    for key in sorted(set(sizes) & set(wanted)):
        connection.execute(sa.update(claims).where(claims.c.key == key).values(size_gb=sizes[key]))
    recount(connection, affected)


def release(connection: Connection, keys: Iterable[str]) -> None:
    """Delete claims. Room that a report counts as used stays used until the next report."""
    wanted = sorted(set(keys))
    if wanted:
        _remove(connection, claims.c.key.in_(wanted))


def release_in(connection: Connection, volume_id: str, pool_id: str) -> None:
    """Delete the claims of a volume in one pool."""
    _remove(connection, sa.and_(claims.c.volume_id == volume_id, claims.c.pool_id == pool_id))


def release_all(connection: Connection, volume_id: str) -> None:
    """Delete all claims of a volume."""
    _remove(connection, claims.c.volume_id == volume_id)


def _remove(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    affected = _pools_of(connection, which)
    if affected:
        lock(connection, affected)
        connection.execute(sa.delete(claims).where(which))
        recount(connection, affected)


def _pools_of(connection: Connection, which: sa.ColumnElement[bool]) -> list[str]:
    return list(connection.execute(sa.select(claims.c.pool_id).where(which).distinct()).scalars())
