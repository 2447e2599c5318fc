"""The scheduler driver that tries another one on live requests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from tests import TestCase
from volsched.exceptions import NoValidBackend
from volsched.model.event import Priority
from volsched.plugins import Candidates, Decision, RequestSpec, SchedulerResources
from volsched.plugins.references import Named
from volsched.plugins.schedulers import CreateFailure
from volsched.testing.builders import PROJECT_ID, VOLUME_ID, a_report, a_volume
from volsched.testing.memory import MemoryClaims, MemoryEvents, MemoryFailures, scheduler_resources
from volsched_drivers.schedulers.best_fit import BestFitScheduler
from volsched_drivers.schedulers.filter import FilterScheduler
from volsched_drivers.schedulers.shadow import MOST_OPEN, ShadowScheduler

SPEC = {"volume_id": VOLUME_ID, "volume_properties": {"size": 10, "project_id": PROJECT_ID}, "volume_type": None}


class OnTrial(FilterScheduler):
    """Chooses what `how` returns."""

    def __init__(self, resources: SchedulerResources, how: Callable[[Decision], Decision]) -> None:
        super().__init__(resources)
        self.how = how

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self.how(super().choose(request, candidates))


class ShadowTestCase(TestCase):
    def setUp(self) -> None:
        pools = [{"free_capacity_gb": 50}, {"free_capacity_gb": 500}]
        self.resources = scheduler_resources(a_report("node1@disk", pools), volumes=[a_volume(10)])

    def driver(self, beside: Any = None, **options: Any) -> ShadowScheduler:
        made = ShadowScheduler(
            self.resources,
            driver=Named("filter", FilterScheduler(self.resources)),
            beside=Named("trial", OnTrial(self.resources, beside)) if callable(beside) else self.best_fit(),
            **options,
        )
        self.assertEqual([], made.validate())
        return made

    def best_fit(self) -> Named:
        return Named("best_fit", BestFitScheduler(self.resources))

    def placed(self, driver: ShadowScheduler) -> tuple[Decision, list[Any]]:
        """The decision, and the events that were written with the claim."""
        decision = driver.schedule_create_volume({"project_id": PROJECT_ID}, SPEC, {})
        assert isinstance(self.resources.claims, MemoryClaims)
        return decision, list(self.resources.claims.placements[-1].events)


class TestComparing(ShadowTestCase):
    def test_the_first_decides_and_the_difference_is_recorded(self) -> None:
        decision, events = self.placed(self.driver(wait=5.0))
        self.assertEqual("node1@disk#pool1", decision.chosen.pool_id if decision.chosen else None)
        remark = json.loads(json.dumps(decision.plain()))["remarks"]["beside"]
        self.assertEqual(("best_fit", "filter"), (remark["driver"], remark["decided"]))
        self.assertEqual(("node1@disk#pool0", 2, True, None), tuple(remark[key] for key in (
            "would_choose", "fit", "differs", "problem")))  # fmt: skip
        self.assertGreater(remark["took_ms"], 0)
        end, differs = events
        self.assertEqual("scheduler.create_volume.end", end.event_type)
        self.assertEqual(remark, end.payload["decision"]["remarks"]["beside"])
        self.assertEqual("scheduler.shadow.differs", differs.event_type)
        self.assertEqual(
            (VOLUME_ID, PROJECT_ID, Priority.INFO), (differs.volume_id, differs.project_id, differs.priority)
        )
        self.assertEqual(
            ("node1@disk#pool1", "node1@disk#pool0"), (differs.payload["pool"], differs.payload["would_choose"])
        )
        self.assertEqual(end.id, differs.payload["about_id"])

    def test_where_both_agree_there_is_no_event(self) -> None:
        decision, events = self.placed(self.driver(lambda decision: decision, wait=5.0))
        self.assertFalse(decision.remarks["beside"]["differs"])
        self.assertEqual(["scheduler.create_volume.end"], [event.event_type for event in events])

    def test_a_refusal_is_compared_as_well(self) -> None:
        driver = self.driver(wait=5.0)
        with self.assertRaises(NoValidBackend) as refused:
            driver.schedule_create_volume(
                {"project_id": PROJECT_ID}, {**SPEC, "volume_properties": {"size": 5000, "project_id": PROJECT_ID}}, {}
            )
        decision = refused.exception.decision
        assert decision is not None
        self.assertFalse(decision.remarks["beside"]["differs"])

    def test_a_refusal_that_the_other_driver_would_not_have_made_is_an_event(self) -> None:
        def refusing(request: RequestSpec, candidates: Candidates) -> Decision:
            return self.resources.chooser.place(request, candidates.take(candidates.rows[:0]))

        driver = self.driver(lambda decision: decision, wait=5.0)
        driver.driver.plugin.choose = refusing
        with self.assertRaises(NoValidBackend) as refused:
            driver.schedule_create_volume({"project_id": PROJECT_ID}, SPEC, {})
        driver.record_failure(
            CreateFailure(
                problem=refused.exception,
                volume_id=VOLUME_ID,
                project_id=PROJECT_ID,
                request_spec=SPEC,
                context={},
                attempt=1,
                took_ms=0.0,
            )
        )
        assert isinstance(self.resources.failures, MemoryFailures)
        assert isinstance(self.resources.events, MemoryEvents)
        (failure,) = self.resources.failures.events
        (differs,) = self.resources.events.emitted
        self.assertEqual(failure.id, differs.payload["about_id"])
        self.assertEqual("node1@disk#pool1", differs.payload["would_choose"])


class TestTrouble(ShadowTestCase):
    def test_a_failure_fails_no_request(self) -> None:
        for problem in (KeyError("surprise"), NoValidBackend("no"), SystemExit(3)):
            with self.subTest(problem=problem):
                self.setUp()

                def fail(decision: Decision, problem: BaseException = problem) -> Decision:
                    raise problem

                decision, events = self.placed(self.driver(fail, wait=5.0))
                self.assertIsNotNone(decision.chosen)
                self.assertIn(type(problem).__name__, decision.remarks["beside"]["problem"])
                self.assertEqual(("scheduler.shadow.failed", Priority.WARN), (events[1].event_type, events[1].priority))

    def test_what_hangs_is_waited_for_so_long_and_then_asked_no_more(self) -> None:
        let_go = threading.Event()
        self.addCleanup(let_go.set)
        asked: list[int] = []

        def hang(decision: Decision) -> Decision:
            asked.append(1)
            let_go.wait(30)
            return decision

        driver = self.driver(hang, wait=0.02)
        for number in range(MOST_OPEN + 2):
            begun = time.monotonic()
            decision = driver.dry_run({}, SPEC, {})
            self.assertLess(time.monotonic() - begun, 5)
            expected = "no decision within 0.02 s" if number < MOST_OPEN else "earlier requests are still open"
            self.assertIn(expected, decision.remarks["beside"]["problem"])
            self.assertEqual("node1@disk#pool1", decision.ranked[0].pool_id)
        self.assertEqual(MOST_OPEN, len(asked))


class TestOptions(ShadowTestCase):
    def test_the_same_driver_twice(self) -> None:
        one = self.best_fit()
        problems = ShadowScheduler(self.resources, driver=one, beside=one).validate()
        self.assertRegex("; ".join(problems), "expected another driver than best_fit")

    def test_a_driver_without_choose_is_refused(self) -> None:
        strange = Named("strange", an_object_with(validate=lambda: ["it is strange"]))
        problems = ShadowScheduler(self.resources, driver=self.best_fit(), beside=strange).validate()
        self.assertEqual(2, len(problems))
        self.assertRegex(problems[0], "beside: expected a PlacingScheduler, got strange")
        self.assertEqual("beside: strange: it is strange", problems[1])

    def test_both_live_and_are_asked_for_their_health(self) -> None:
        done: list[str] = []

        def one(name: str, health: str | None) -> Named:
            return Named(
                name,
                an_object_with(
                    start=lambda: done.append(f"start {name}"),
                    stop=lambda: done.append(f"stop {name}"),
                    health=lambda: health,
                ),
            )

        driver = ShadowScheduler(self.resources, driver=one("a", None), beside=one("b", "ill"))
        driver.start()
        driver.stop()
        self.assertEqual(["start a", "start b", "stop b", "stop a"], done)
        self.assertEqual("b: ill", driver.health())


def an_object_with(**methods: Callable[[], Any]) -> Any:
    return type("Strange", (), {name: staticmethod(method) for name, method in methods.items()})()
