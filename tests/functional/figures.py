"""The outcome and duration of every request, and its number of attempts, read from its work items."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from volsched.db.database import Database
from volsched.db.schema import work

#: Work with which a request begins that is not the scheduler's.
FIRST = ("delete",)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, from the row that asked for it to the end of its last work."""

    operation: str
    volume_id: str
    asked_at: datetime
    ended_at: datetime | None  # None: not yet
    state: str  # of the last work
    takeovers: int

    @property
    def seconds(self) -> float:
        return math.nan if self.ended_at is None else (self.ended_at - self.asked_at).total_seconds()


def requests(database: Database) -> list[Request]:
    """All there were, in the order in which they were asked."""
    statement = sa.select(
        work.c.volume_id, work.c.queue, work.c.operation, work.c.state, work.c.attempt, work.c.created_at
    ).add_columns(work.c.finished_at)
    chains: defaultdict[str, list[list[sa.Row[Any]]]] = defaultdict(list)
    for row in database.read(lambda connection: connection.execute(statement.order_by(work.c.seq)).all()):
        of_volume = chains[row.volume_id]
        again = row.operation == "create"  # where the first try failed, it goes back to the scheduler
        if not of_volume or (row.queue == "scheduler" and not again) or row.operation in FIRST:
            of_volume.append([])
        of_volume[-1].append(row)
    found = [_request(chain) for of_volume in chains.values() for chain in of_volume]
    return sorted(found, key=lambda request: request.asked_at)


def _request(chain: Sequence[sa.Row[Any]]) -> Request:
    first, last = chain[0], chain[-1]
    return Request(
        operation=first.operation,
        volume_id=first.volume_id,
        asked_at=first.created_at,
        ended_at=last.finished_at,
        state=last.state,
        takeovers=sum(max(0, row.attempt - 1) for row in chain),
    )


def share(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of all do not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0
