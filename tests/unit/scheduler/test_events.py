"""What the scheduler and the agents tell of their work, and that the documentation has all of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests import TestCase
from tests.meta.sources import TOP
from volsched.agent.operations import OPERATIONS
from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.model.event import SCHEMA_VERSION, Priority
from volsched.model.work import Lease, WorkItem
from volsched.scheduler import events
from volsched.testing.builders import NOON, PROJECT_ID, VOLUME_ID, a_pool, a_pool_table, a_report, a_request, a_volume
from volsched.testing.memory import scheduler_resources

PAGE = TOP / "doc" / "reference" / "events.rst"
RESOURCES = replace(scheduler_resources(a_report(), clock=lambda: NOON), driver="filter", publisher="scheduler.here")


def work(operation: str = "extend", attempt: int = 1, **payload: Any) -> WorkItem:
    return WorkItem(
        id="w1",
        queue="scheduler",
        operation=operation,
        volume_id=VOLUME_ID,
        payload={"context": {"project_id": "an-admin"}, "volume": a_volume(5).plain(), **payload},
        lease=Lease(work_id="w1", owner="me", attempt=attempt, until=datetime(2026, 1, 1)),
    )


def a_decision() -> Any:
    return RESOURCES.chooser.place(a_request(10), a_pool_table(a_pool("a"), a_pool("b", free_gb=1.0)).candidates())


class TestScheduler(TestCase):
    def test_a_start_is_told_once_an_attempt(self) -> None:
        (first,) = events.starting(RESOURCES, work())
        (again,) = events.starting(RESOURCES, work())
        (second,) = events.starting(RESOURCES, work(attempt=2))
        self.assertEqual(first.id, again.id)
        self.assertNotEqual(first.id, second.id)
        self.assertEqual("scheduler.extend_volume.start", first.event_type)
        self.assertEqual((VOLUME_ID, PROJECT_ID, Priority.INFO), (first.volume_id, first.project_id, first.priority))
        self.assertEqual({"volume_id": VOLUME_ID, "driver": "filter", "attempt": 1}, dict(first.payload))
        self.assertEqual((NOON.isoformat(), "scheduler.here", SCHEMA_VERSION), (
            first.occurred_at, first.publisher, first.schema_version))  # fmt: skip

    def test_an_end_says_what_it_took_and_what_was_decided(self) -> None:
        ended = events.ended(RESOURCES, work(), a_decision(), {"pool": "p"})
        self.assertEqual("scheduler.extend_volume.end", ended.event_type)
        payload = json.loads(json.dumps(ended.plain()))["payload"]
        self.assertEqual(("p", "filter"), (payload["pool"], payload["driver"]))
        self.assertGreaterEqual(payload["took_ms"], 0)
        self.assertEqual({"capacity": 1}, payload["decision"]["rejected"])
        self.assertEqual((2, 1), (payload["decision"]["considered"], payload["decision"]["fit"]))

    def test_a_refusal_says_what_errored_the_reason_and_the_request(self) -> None:
        asked = work(request_spec={"volume_id": VOLUME_ID})
        for problem, decided in ((NoValidBackend("full", a_decision()), True), (InvalidRequest("size", "odd"), False)):
            with self.subTest(problem=problem):
                refused = events.refused(RESOURCES, asked, problem)
                self.assertEqual(("scheduler.extend_volume", Priority.ERROR), (refused.event_type, refused.priority))
                payload = refused.payload
                self.assertEqual((type(problem).__name__, str(problem)), (payload["error"], payload["reason"]))
                self.assertEqual({"volume_id": VOLUME_ID}, payload["request_spec"])
                self.assertEqual(decided, payload["decision"] is not None)

    def test_a_group_has_no_volume(self) -> None:
        about = work("group", group={"id": "g1", "project_id": "p1"}, volume=None)
        (start,) = events.starting(RESOURCES, about)
        self.assertEqual("scheduler.create_group.start", start.event_type)
        self.assertEqual((None, "p1", "g1"), (start.volume_id, start.project_id, start.payload["group_id"]))


class TestCatalogue(TestCase):
    """doc/reference/events.rst."""

    def test_it_has_every_operation_and_the_version(self) -> None:
        text = PAGE.read_text()
        self.assertIn(f"``{SCHEMA_VERSION}``", text)
        self.assertRegex(text, rf"(?m)^{re.escape(SCHEMA_VERSION)} ")
        for name, operation in OPERATIONS.items():
            words = f"``{name}``" if operation.start_event else f"``volume.{name}.error``"
            self.assertIn(words, text, "an operation of agents")
        for name in ("create", "extend", "manage", "retype", "migrate", "snapshot"):
            self.assertIn(f"``{name}_volume``", text)

    def test_it_has_every_figure_of_a_decision(self) -> None:
        text = PAGE.read_text()
        for name in a_decision().summary():
            self.assertIn(f"``{name}``", text)
