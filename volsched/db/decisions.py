"""Decisions: why each volume went where it is, or nowhere."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from volsched.db.database import Database
from volsched.db.insert_once import unless_there
from volsched.db.schema import decisions

PLACED = "placed"
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision as it was written down."""

    id: str
    volume_id: str | None
    outcome: str  # PLACED or REFUSED
    pool_id: str | None
    config_generation: int
    document: Mapping[str, Any]  # Decision.plain()
    made_at: datetime


class Decisions:
    """The decisions. A port: DecisionLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, volume_id: str | None, decision: Mapping[str, Any]) -> str:
        """Write down a decision that led to no claim; returns its id."""
        decision_id = str(uuid.uuid4())
        self._database.run(
            lambda connection: add(connection, decision_id, volume_id, decision, now=self._database.now(connection))
        )
        return decision_id

    def of(self, volume_id: str) -> Sequence[DecisionRecord]:
        """The decisions about a volume, oldest first; also about one that is gone."""
        statement = sa.select(decisions).where(decisions.c.volume_id == volume_id).order_by(decisions.c.seq)
        return self._database.read(lambda connection: [_record(row) for row in connection.execute(statement)])

    def latest(self, volume_id: str) -> DecisionRecord | None:
        """The last decision about a volume."""
        statement = sa.select(decisions).where(decisions.c.volume_id == volume_id)
        statement = statement.order_by(decisions.c.seq.desc()).limit(1)
        row = self._database.read(lambda connection: connection.execute(statement).first())
        return None if row is None else _record(row)


def add(
    connection: Connection,
    decision_id: str,
    volume_id: str | None,
    decision: Mapping[str, Any],
    *,
    now: datetime,
    pool_id: str | None = None,
) -> None:
    """The row of a decision; the same id again is harmless. `pool_id`: where it led to a claim."""
    connection.execute(
        _WRITE,
        {
            "id": decision_id,
            "volume_id": volume_id,
            "outcome": REFUSED if pool_id is None else PLACED,
            "pool_id": pool_id,
            "config_generation": int(decision.get("config_generation") or 0),
            "document": decision,
            "made_at": now,
        },
    )


_WRITE = unless_there(decisions)


def _record(row: sa.Row[Any]) -> DecisionRecord:
    values = dict(row._mapping)
    del values["seq"]
    return DecisionRecord(**values)
