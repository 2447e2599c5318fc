"""What a request costs does not depend on how many pools there are, nor on how much is installed."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.stores.world import BACKEND, NOON, OnSQLite, a_pool_state, a_volume, reported
from volsched.db.claims import Claims
from volsched.db.outbox import Outbox
from volsched.db.records import Decisions, Failures
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.report import CapabilityReport
from volsched.scheduler.worker import SchedulerWorker
from volsched.testing.installed import plugin_class
from volsched.testing.memory import MemoryCaster, scheduler_resources

#: Taking the work under a lease, reading the volume, the claim with all that goes with it, ending the work.
MOST_STATEMENTS = 21
#: Ending the work, the pool, the volume, the claim, the decision, the event, the agent's work.
CLAIM_STATEMENTS = 7


class TestRequestPath(OnSQLite):
    def setUp(self) -> None:
        super().setUp()
        self.statements: list[str] = []
        self.requests = 0

    def note(self, connection: object, cursor: object, statement: str, *rest: object) -> None:
        self.statements.append(statement)

    def served(self, pools: int) -> SchedulerWorker:
        """A scheduler over so many pools, which has placed a volume already."""
        names = [f"{BACKEND}#p{number}" for number in range(pools)]
        reported(self.database, *(a_pool_state(name) for name in names))
        capabilities = {
            "pools": [
                {"pool_name": name.partition("#")[2], "total_capacity_gb": 100, "free_capacity_gb": 100}
                for name in names
            ]
        }
        resources = replace(
            scheduler_resources(
                CapabilityReport(service_name="volume", host=BACKEND, capabilities=capabilities, timestamp=NOON)
            ),
            claims=Claims(self.database),
            volumes=Volumes(self.database),
            events=Outbox(self.database),
            decisions=Decisions(self.database),
            failures=Failures(self.database),
        )
        service = SchedulerWorker(
            driver=plugin_class("volsched.schedulers", "filter")(resources),
            resources=resources,
            work=WorkQueue(self.database),
            caster=MemoryCaster(),
            owner="host:1:1",
            lease_seconds=60,
        )
        self.ask(service)
        return service

    def ask(self, service: SchedulerWorker) -> None:
        """One volume is asked for and placed; only what the scheduler does is noted."""
        self.requests += 1
        volume = a_volume(f"v{self.requests}", size_gb=1)
        spec = {"volume_id": volume.id, "volume_properties": {"size": 1}}
        work = scheduler_work("create", volume.id, {}, {"request_spec": spec, "filter_properties": {}})
        Volumes(self.database).create(volume, [work])
        sa.event.listen(Engine, "before_cursor_execute", self.note)
        try:
            self.assertTrue(service.work_once())
        finally:
            sa.event.remove(Engine, "before_cursor_execute", self.note)
        self.assertIsNotNone(Volumes(self.database).get(volume.id).host)

    def statements_of_a_request(self, service: SchedulerWorker) -> list[str]:
        self.statements.clear()
        self.ask(service)
        return list(self.statements)

    def test_no_statement_a_pool(self) -> None:
        few = self.statements_of_a_request(self.served(2))
        many = self.statements_of_a_request(self.served(150))
        self.assertEqual(len(few), len(many))
        self.assertLessEqual(len(few), MOST_STATEMENTS, "\n".join(few))

    def test_a_claim_only_writes(self) -> None:
        statements = self.statements_of_a_request(self.served(2))
        claimed = next(at for at, statement in enumerate(statements) if statement.startswith("UPDATE pools"))
        begun = max(at for at in range(claimed) if statements[at].startswith("BEGIN"))
        ended = next(at for at in range(claimed, len(statements)) if statements[at].startswith("BEGIN"))
        written = [statement.partition(" ")[0] for statement in statements[begun + 1 : ended]]
        self.assertEqual(["UPDATE"] * 3 + ["INSERT"] * 4, written)
        self.assertEqual(CLAIM_STATEMENTS, len(written))

    def test_what_is_installed_is_not_looked_at(self) -> None:
        service = self.served(2)
        refused = AssertionError("a request looks at what is installed")
        with (
            mock.patch.object(importlib.metadata, "entry_points", side_effect=refused),
            mock.patch.object(importlib.metadata, "distributions", side_effect=refused),
        ):
            self.ask(service)
