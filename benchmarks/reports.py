"""The cost of one report of an agent: transactions, statements, and milliseconds, by database and number of pools."""

from __future__ import annotations

import sys
import tempfile
import time
import unittest
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from statistics import median
from threading import Event
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from benchmarks.durable import KINDS, empty_database
from volsched.agent.agent import Agent
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.db.leases import this_owner
from volsched.db.outbox import Outbox
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.messaging.caster import LocalCaster
from volsched_drivers.backends.directory import DirectoryBackend

POOLS = (1, 10, 100)
REPORTS = 100


class Measured(DirectoryBackend):
    """A backend whose measuring costs nothing, so that only the report is measured."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self._report = {"pools": [_pool(number) for number in range(count)]}

    def report(self) -> Mapping[str, Any]:
        """Return the same capabilities each time."""
        return self._report


def _pool(number: int) -> Mapping[str, Any]:
    return {
        "pool_name": f"pool{number}",
        "total_capacity_gb": 1000.0,
        "free_capacity_gb": 900.0,
        "allocated_capacity_gb": 100.0,
        "provisioned_capacity_gb": 100.0,
        "thin_provisioning_support": True,
        "reserved_percentage": 5,
    }


def measure(*, quick: bool = False) -> list[dict[str, Any]]:
    """Return a row for each database and number of pools."""
    rows = []
    for kind in KINDS:
        try:
            with empty_database(kind) as url:
                rows += [{"database": kind, **_reported(url, pools, 10 if quick else REPORTS)} for pools in POOLS]
        except unittest.SkipTest as missing:
            sys.stderr.write(f"  left out: {missing}\n")
    return rows


def _reported(url: str, pools: int, reports: int) -> dict[str, Any]:
    with closing(Database(url)) as database, tempfile.TemporaryDirectory() as folder:
        database.upgrade()
        agent = Agent(
            host=f"host{pools}",
            backends={"disk": Measured(pools, path=folder, pools=["p"])},
            work=WorkQueue(database),
            volumes=Volumes(database),
            reports=Backends(database),
            events=Outbox(database),
            caster=LocalCaster(Event()),
            clock=database.clock,
            owner=this_owner(),
        )
        agent.report_all()
        with _counted() as counts:
            agent.report_all()
        times = []
        for _ in range(reports):
            begun = time.perf_counter()
            agent.report_all()
            times.append((time.perf_counter() - begun) * 1e3)
    return {"pools": pools, "reports": reports, **counts, "ms": round(median(times), 2)}


@contextmanager
def _counted() -> Iterator[dict[str, int]]:
    """Count the transactions of the block, and the statements in them without BEGIN."""
    counts = {"transactions": 0, "statements": 0}

    def begin(connection: Any) -> None:
        counts["transactions"] += 1

    def execute(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        counts["statements"] += not statement.startswith("BEGIN")

    with ExitStack() as stack:
        for name, function in (("begin", begin), ("before_cursor_execute", execute)):
            sa.event.listen(Engine, name, function)
            stack.callback(sa.event.remove, Engine, name, function)
        yield counts
