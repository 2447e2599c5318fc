"""Claims: room in pools, claimed together with everything that is true from then on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from volsched.db import outbox, pool_room, records, volume_rows, work_rows
from volsched.db.database import Database
from volsched.db.schema import claims, pools
from volsched.exceptions import ClaimConflict, VolumeNotFound
from volsched.model.claim import Claim, Placement
from volsched.model.observer import NO_OBSERVER, Observer, reporting
from volsched.model.work import WorkState


class Claims:
    """Claims of room in pools, each made and released in one transaction. A port: ClaimStore."""

    def __init__(self, database: Database, observer: Observer = NO_OBSERVER) -> None:
        self._database = database
        self._observer = observer

    def claim(self, placement: Placement) -> Claim:
        """Claim the room and write everything that belongs to the placement, or nothing.

        The work item under the fence ends in the same transaction. The same key and pool again returns the claim made
        before. Raises ClaimConflict if the pool has too little room or the key is claimed in another pool, LeaseLost
        if the fence is lost, and VolumeNotFound if the volume is gone.
        """
        decision_id = placement.decision_id() if placement.decision_id is not None else str(uuid.uuid4())
        document = placement.decision() if placement.decision is not None else None  # before anything is locked

        decided = None if document is None else (decision_id, document)
        placement = replace(placement, events=tuple(placement.events), work=tuple(placement.work))
        self._observer.claim_started(placement)
        with reporting(partial(self._observer.claim_ended, placement)):
            try:
                claim = self._database.run(
                    lambda connection: _claim(connection, placement, decided, now=self._database.now(connection))
                )
            except IntegrityError as problem:
                raise VolumeNotFound(placement.claim.volume_id) from problem
        self._observer.events_stored(placement.events)
        return claim

    def release(self, key: str) -> None:
        """Release a claim; an unknown key is ignored."""
        self._database.run(lambda connection: pool_room.release(connection, [key]))

    def confirm(self, key: str, at: datetime | None = None) -> None:
        """Mark a claim as made real; the first time counts, an unknown key is ignored. `at`: by the backend's clock."""
        self._database.run(lambda connection: pool_room.confirm(connection, [key], at, self._database.now(connection)))

    def get(self, key: str) -> Claim | None:
        """Return the claim of this key."""
        found = self._select(claims.c.key == key)
        return found[0] if found else None

    def of(self, volume_id: str) -> Sequence[Claim]:
        """Return the claims of a volume, oldest first."""
        return self._select(claims.c.volume_id == volume_id)

    def in_pools(self, pool_ids: Iterable[str]) -> Sequence[Claim]:
        """Return all claims in these pools, oldest first."""
        return self._select(claims.c.pool_id.in_(sorted(set(pool_ids))))

    def pending(self) -> Sequence[Claim]:
        """Return the claims that the last reports of their pools cannot count, oldest first."""
        return self._select(pool_room.UNKNOWN)

    def _select(self, which: sa.ColumnElement[bool]) -> Sequence[Claim]:
        statement = (
            sa.select(claims)
            .join(pools, pools.c.id == claims.c.pool_id)
            .where(which)
            .order_by(claims.c.made_at, claims.c.key)
        )
        return self._database.read(
            lambda connection: [pool_room.claim_of(row) for row in connection.execute(statement)]
        )


def _claim(
    connection: Connection, placement: Placement, decided: tuple[str, Mapping[str, Any]] | None, *, now: datetime
) -> Claim:
    """Lock rows in the order work, pool, volume, as every transaction does, so that no deadlock is possible."""
    claim = placement.claim
    if placement.fence is not None:
        work_rows.end(connection, placement.fence, WorkState.DONE, now)
    if not pool_room.claim_room(connection, claim, thin=placement.thin):
        return _made_before(connection, claim)
    if placement.volume_changes and not volume_rows.change(connection, claim.volume_id, placement.volume_changes, now):
        raise VolumeNotFound(claim.volume_id)
    pool_room.insert(connection, claim)
    if decided is not None:
        decision_id, document = decided
        records.add_decision(connection, decision_id, claim.volume_id, document, now=now, pool_id=claim.pool_id)
    outbox.add(connection, placement.events, now)
    work_rows.queue(connection, placement.work, now)
    return claim


def _made_before(connection: Connection, claim: Claim) -> Claim:
    """Return the claim of the same key and pool. Raises ClaimConflict, with the reason why nothing was claimed."""
    made = pool_room.of_key(connection, claim.key)
    if made is None:
        raise ClaimConflict(claim.pool_id, f"{claim.size_gb:g} GiB are not left")
    if made.pool_id != claim.pool_id:
        raise ClaimConflict(claim.pool_id, f"the room was taken in {made.pool_id} already")
    return made
