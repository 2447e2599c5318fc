"""The agent's reports: what they contain, and what one costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.unit.agent.test_agent import POOL, AgentTestCase, BrokenBackend
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.db.storage import Storage
from volsched.exceptions import DatabaseUnavailable
from volsched_drivers.backends.directory import DirectoryBackend

NOON = datetime(2026, 1, 1, 12)
#: Lock the backend's row, write it, lock its pools, write them: any number of pools.
MOST_STATEMENTS = 4


class SlowBackend(DirectoryBackend):
    """A directory backend that a test lets measure."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.measuring, self.go_on = threading.Event(), threading.Event()

    def report(self) -> Mapping[str, Any]:
        self.measuring.set()
        self.go_on.wait(30)
        return super().report()


class TestReports(AgentTestCase):
    @contextmanager
    def noted(self) -> Iterator[list[str]]:
        """The statements that are executed in the block, and BEGIN for each transaction."""
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            statements.append(statement)

        sa.event.listen(Engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            sa.event.remove(Engine, "before_cursor_execute", note)

    def test_a_report_and_its_heartbeat_are_one_transaction(self) -> None:
        agent = self.agent({"disk1": self.directory(), "disk2": self.directory()})
        agent.report_all()
        with self.noted() as statements:
            agent.report_all()
        transactions = [statement for statement in statements if statement.startswith("BEGIN")]
        self.assertEqual(2, transactions.count("BEGIN IMMEDIATE"), "one a backend")
        looks = [statement for statement in statements if "FROM pool_storage" in statement]
        self.assertEqual(2, len(looks), "one a backend")
        self.assertEqual(2 * MOST_STATEMENTS + len(looks), len(statements) - len(transactions), "\n".join(statements))
        self.assertTrue(all(backend.up and backend.reported_at for backend in self.backends.list()))

    def test_a_report_names_its_backend_and_zone(self) -> None:
        agent = self.agent(zones={"disk1": "z1"})
        self.assertEqual((), agent.report_all())
        backend = self.backends.show("host1@disk1")
        self.assertEqual(("host1@disk1", None, "z1"), (backend.host, backend.cluster_name, backend.zone))
        self.assertEqual({"z1"}, {pool.zone for pool in backend.pools})
        [report] = self.backends.reports()
        self.assertEqual("disk1", report.capabilities["volume_backend_name"])

    def test_a_report_has_the_databases_time_of_when_measuring_began(self) -> None:
        clock = [NOON]
        self.backends = Backends(Database(str(self.database.url), clock=lambda: clock[0]))
        backend = self.directory(SlowBackend)
        assert isinstance(backend, SlowBackend)
        agent = self.agent({"disk1": backend}, reports=self.backends)
        reporting = threading.Thread(target=agent.report_all)
        reporting.start()
        self.assertTrue(backend.measuring.wait(30))
        clock[0] += timedelta(seconds=60)
        backend.go_on.set()
        reporting.join()
        [report] = self.backends.reports()
        self.assertLess(report.timestamp, clock[0])
        self.assertGreater(report.timestamp, clock[0] - timedelta(seconds=60), "by the time that measuring took")

    def test_a_backend_that_raises_is_a_problem_and_the_others_report(self) -> None:
        agent = self.agent({"broken": self.directory(BrokenBackend), "disk1": self.directory()})
        with self.assertLogs("volsched.agent.agent", "ERROR") as seen:
            self.assertEqual((("host1@broken", "'vendor'"),), agent.report_all())
            self.assertEqual(agent.problems, agent.report_all())
        self.assertEqual(1, len(seen.records), "logged once, not at every report")
        broken, disk = self.backends.list()
        self.assertEqual(("host1@broken", True, None), (broken.backend_id, broken.up, broken.reported_at))
        self.assertEqual(["thick", "thin"], [pool.name for pool in disk.pools])

    def test_the_end_of_a_problem_is_logged(self) -> None:
        agent = self.agent()
        agent.report_all()
        records = Storage(self.database).records("host1@disk1")
        Storage(self.database).accept("host1@disk1#thin")
        Storage(self.database).seen("host1@disk1", {"thin": "another"}, "somebody")
        with self.assertLogs("volsched", "WARNING"):
            agent.report_all()
        Storage(self.database).accept("host1@disk1#thin")
        Storage(self.database).seen("host1@disk1", {"thin": records["thin"].storage_id}, "somebody")
        with self.assertLogs("volsched.agent.agent", "INFO") as seen:
            self.assertEqual((), agent.report_all())
        self.assertIn("backend host1@disk1 reports again", seen.output[0])

    def test_members_of_a_cluster_serve_its_queue(self) -> None:
        agent = self.agent(cluster="east")
        self.assertEqual(("agent:east@disk1",), agent.queues)
        agent.report_all()
        backend = self.backends.show("east@disk1")
        self.assertEqual(("host1@disk1", "east@disk1"), (backend.host, backend.cluster_name))

    def test_a_database_that_is_away_is_no_problem_of_a_backend(self) -> None:
        agent = self.agent()
        Path(str(self.database.file)).rename(Path(str(self.database.file)).with_name("away"))
        self.database.close()
        with self.assertRaises(DatabaseUnavailable):
            agent.report_all()
        self.assertEqual((), agent.problems)

    def test_a_pool_shows_what_was_measured(self) -> None:
        agent = self.agent()
        agent.report_all()
        self.assertEqual(20.0, self.backends.pool(POOL).total_gb)
