"""The create_volume flow: its contract, how it completes a request, and what it does when a driver fails."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from taskflow import engines, task
from taskflow.patterns import linear_flow

from tests import TestCase
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, NoValidBackend, PluginError
from volsched.flows import create_volume
from volsched.flows.create_volume import ExtractSchedulerSpecTask, ScheduleCreateVolumeTask
from volsched.model.volume import Volume, VolumeStatus
from volsched.plugins.schedulers import CreateFailure
from volsched.testing.memory import MemoryFailures, scheduler_resources

LOG = logging.getLogger("volsched.tests")
CONTEXT = {"project_id": "p1", "user_id": "u1", "auth_token": "secret"}
VOLUME = Volume(
    id="11111111-2222-4333-8444-555555555555",
    project_id="p1",
    user_id="u1",
    size_gb=7,
    status=VolumeStatus.CREATING,
    availability_zone="az1",
)


class Driver:
    """A driver_api that records what it is asked, and raises `problem`; failures are recorded in memory."""

    def __init__(self, problem: BaseException | None = None) -> None:
        self.problem = problem
        self.asked: list[tuple[Any, Mapping[str, Any], Mapping[str, Any]]] = []
        resources = scheduler_resources(volumes=[VOLUME], clock=lambda: datetime(2026, 1, 1))
        self.resources = replace(resources, publisher="scheduler.test", driver="filter")

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> None:
        self.asked.append((context, request_spec, filter_properties))
        if self.problem is not None:
            raise self.problem

    def record_failure(self, failure: CreateFailure) -> None:
        self.resources.record_failure(failure, lambda decision, event: ())

    @property
    def failures(self) -> MemoryFailures:
        assert isinstance(self.resources.failures, MemoryFailures)
        return self.resources.failures


class Bare:
    """A driver_api that has nothing but the one method."""

    def __init__(self, problem: BaseException) -> None:
        self.problem = problem

    def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> None:
        raise self.problem


class Fail(task.Task):  # type: ignore[misc]
    def execute(self) -> None:
        raise RuntimeError("the task after it failed")


class TestContract(TestCase):
    def test_names_and_signatures_are_the_documented_ones(self) -> None:
        self.assertEqual({"request_spec"}, ExtractSchedulerSpecTask.default_provides)
        self.assertEqual("scheduler.create_volume", ScheduleCreateVolumeTask.FAILURE_TOPIC)
        self.assertEqual(
            ["self", "context", "request_spec", "volume", "snapshot_id", "image_id", "backup_id"],
            list(inspect.signature(ExtractSchedulerSpecTask.execute).parameters),
        )
        self.assertEqual(
            ["self", "context", "request_spec", "filter_properties", "volume"],
            list(inspect.signature(ScheduleCreateVolumeTask.execute).parameters),
        )
        self.assertEqual(
            ["self", "driver_api", "kwargs"], list(inspect.signature(ScheduleCreateVolumeTask.__init__).parameters)
        )
        self.assertEqual(
            {
                "context": inspect.Parameter.empty,
                "driver_api": inspect.Parameter.empty,
                "request_spec": None,
                "filter_properties": None,
                "volume": None,
                "snapshot_id": None,
                "image_id": None,
                "backup_id": None,
            },
            {name: item.default for name, item in inspect.signature(create_volume.get_flow).parameters.items()},
        )


class TestExtract(TestCase):
    def extract(self, spec: dict[str, Any] | None, volume: Volume | None = VOLUME, **sources: Any) -> dict[str, Any]:
        given = {"snapshot_id": None, "image_id": None, "backup_id": None, **sources}
        return ExtractSchedulerSpecTask().execute(CONTEXT, spec, volume, **given)["request_spec"]

    def test_a_missing_spec_is_made_from_the_volume(self) -> None:
        spec = self.extract(None, snapshot_id="s1")
        self.assertEqual(VOLUME.id, spec["volume_id"])
        self.assertEqual(7, spec["volume_properties"]["size"])
        self.assertEqual("az1", spec["volume_properties"]["availability_zone"])
        self.assertEqual("s1", spec["snapshot_id"])

    def test_what_the_caller_gave_wins(self) -> None:
        given = {"volume_properties": {"size": 9}, "snapshot_id": "theirs"}
        spec = self.extract(given, snapshot_id="ours")
        self.assertEqual((9, "theirs"), (spec["volume_properties"]["size"], spec["snapshot_id"]))
        self.assertEqual({"volume_properties": {"size": 9}, "snapshot_id": "theirs"}, given)

    def test_a_spec_without_any_volume_is_refused(self) -> None:
        with self.assertRaises(InvalidRequest):
            self.extract(None, None)

    def test_the_result_is_plain_data(self) -> None:
        spec = self.extract({"at": datetime(2026, 1, 1), "odd": {"x"}, 5: float("inf")})
        self.assertEqual(spec, json.loads(json.dumps(spec)))


class TestSchedule(TestCase):
    def run_flow(self, driver: Driver) -> None:
        create_volume.get_flow(CONTEXT, driver, filter_properties={"a": 1}, volume=VOLUME).run()

    def test_delegates_to_the_driver(self) -> None:
        driver = Driver()
        self.run_flow(driver)
        ((context, spec, properties),) = driver.asked
        self.assertEqual("p1", context["project_id"])
        self.assertEqual(VOLUME.id, spec["volume_id"])
        self.assertEqual({"a": 1}, properties)
        self.assertEqual([], driver.failures.events)

    def test_no_valid_backend_is_an_answer(self) -> None:
        driver = Driver(NoValidBackend("none of 3 pools fits"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"):
            self.run_flow(driver)
        (message,) = driver.failures.messages
        self.assertEqual((VOLUME.id, "VS-NO-POOL"), (message.volume_id, message.code))
        self.assertEqual(VolumeStatus.ERROR, driver.resources.volumes.get(VOLUME.id).status)

    def test_anything_else_is_written_down_and_raised_again(self) -> None:
        for problem, code in (
            (InvalidRequest("size", "0 is too small"), "VS-BAD-REQUEST"),
            (PluginError("rack", "KeyError: 'x'"), "VS-FAILED"),
            (KeyError("surprise"), "VS-FAILED"),
        ):
            with self.subTest(problem=problem):
                driver = Driver(problem)
                with self.assertLogs("volsched.flows.create_volume", "ERROR"), self.assertRaises(type(problem)):
                    self.run_flow(driver)
                (message,) = driver.failures.messages
                self.assertEqual(code, message.code)

    def test_the_notification_says_what_the_reason_and_the_request(self) -> None:
        driver = Driver(NoValidBackend("none of 3 pools fits"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"):
            self.run_flow(driver)
        (event,) = driver.failures.events
        self.assertEqual("scheduler.create_volume", event.event_type)
        payload = json.loads(json.dumps(event.plain()))["payload"]
        self.assertEqual("NoValidBackend", payload["error"])
        self.assertEqual("none of 3 pools fits", payload["reason"])
        self.assertEqual(VOLUME.id, payload["request_spec"]["volume_id"])
        self.assertEqual(("filter", 1, None), (payload["driver"], payload["attempt"], payload["decision"]))
        self.assertGreaterEqual(payload["took_ms"], 0)
        self.assertNotIn("secret", json.dumps(payload))

    def test_the_same_failure_twice_has_the_same_id(self) -> None:
        ids = set()
        for _ in range(2):
            driver = Driver(NoValidBackend("no"))
            with self.assertLogs("volsched.flows.create_volume", "ERROR"):
                self.run_flow(driver)
            ids.add(driver.failures.events[0].id)
        self.assertEqual(1, len(ids))

    def test_the_owner_is_told_nothing_of_the_operators(self) -> None:
        driver = Driver(PluginError("rack", "password=hunter2 on 10.0.0.1"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"), self.assertRaises(PluginError):
            self.run_flow(driver)
        self.assertNotIn("hunter2", driver.failures.messages[0].text)

    def test_work_that_is_not_ours_any_more_is_left_alone(self) -> None:
        for problem in (LeaseLost("w1"), DatabaseUnavailable("locked")):
            with self.subTest(problem=problem):
                driver = Driver(problem)
                with self.assertRaises(type(problem)):
                    self.run_flow(driver)
                self.assertEqual([], driver.failures.events)

    def test_the_failed_volume_is_the_one_that_was_given(self) -> None:
        driver = Driver()
        with self.assertLogs("volsched.flows.create_volume", "ERROR"), self.assertRaises(InvalidRequest):
            create_volume.get_flow(CONTEXT, driver, {"volume_id": "another"}, {}, VOLUME).run()
        self.assertEqual([VOLUME.id], [message.volume_id for message in driver.failures.messages])
        self.assertEqual([VOLUME.id], [event.volume_id for event in driver.failures.events])

    def test_malformed_requests_are_recorded_and_never_reach_the_driver(self) -> None:
        lease = {"work_id": "w", "owner": "me", "attempt": 1, "until": "2026-01-01T00:00:00"}
        for given in (["x"], "1", 5, {"num_attempts": "x"}):
            self.assert_invalid("retry", {}, {"retry": given})
            self.assert_invalid("filter_properties.lease", {}, {"lease": given})
        self.assert_invalid("filter_properties.lease", {}, {"lease": {**lease, "until": "noon"}})
        for given in (["x"], "1", 5):
            self.assert_invalid("volume_properties", {"volume_properties": given}, {})
            self.assert_invalid("volume_id", {"volume_id": given}, {})
            self.assert_invalid("request_spec", given, {})
            self.assert_invalid("filter_properties", {}, given)

    def assert_invalid(self, field: str, spec: Any, properties: Any) -> None:
        with self.subTest(field=field, spec=spec, properties=properties):
            driver = Driver()
            with (
                self.assertLogs("volsched.flows.create_volume", "ERROR"),
                self.assertRaisesRegex(InvalidRequest, re.escape(field)),
            ):
                create_volume.get_flow(CONTEXT, driver, spec, properties, VOLUME).run()
            self.assertEqual([], driver.asked)
            self.assertEqual(VolumeStatus.ERROR, driver.resources.volumes.get(VOLUME.id).status)
            (message,), (event,) = driver.failures.messages, driver.failures.events
            self.assertEqual((VOLUME.id, "VS-BAD-REQUEST"), (message.volume_id, message.code))
            self.assertEqual((VOLUME.id, "InvalidRequest"), (event.volume_id, event.payload["error"]))
            self.assertIsInstance(json.dumps(event.plain()), str)

    def test_an_answer_that_nothing_records_is_raised(self) -> None:
        for problem in (NoValidBackend("none of 3 pools fits"), KeyError("surprise")):
            with self.subTest(problem=problem):
                flow = create_volume.get_flow(CONTEXT, Bare(problem), volume=VOLUME)
                with self.assertLogs("volsched.flows.create_volume", "ERROR"), self.assertRaises(type(problem)):
                    flow.run()

    def test_a_recorder_that_is_given_takes_precedence_over_the_drivers_own(self) -> None:
        driver, recorded = Driver(NoValidBackend("no")), []
        task = ScheduleCreateVolumeTask(driver, record_failure=recorded.append)
        with self.assertLogs("volsched.flows.create_volume", "ERROR"):
            task.execute(CONTEXT, {"volume_id": VOLUME.id, "volume_properties": {}}, {}, VOLUME)
        self.assertEqual(([VOLUME.id], []), ([failure.volume_id for failure in recorded], driver.failures.events))

    def test_without_an_engine_the_tasks_do_the_same(self) -> None:
        """`Creation` is what a worker runs: each request ends as it does in the flow."""
        requests: tuple[tuple[Any, Any], ...] = (
            ({}, {}),
            (None, {"a": 1}),
            ({"volume_id": "other", "volume_properties": {"size": 3}}, {"retry": {"num_attempts": 2}}),
            ("1", {}),
            ({}, ["x"]),
        )
        problems = (None, NoValidBackend("no"), InvalidRequest("size", "odd"), KeyError("x"))
        for problem in problems:
            for spec, properties in requests:
                with self.subTest(problem=problem, spec=spec, properties=properties):
                    ends = []
                    for run in (self.in_an_engine, self.in_a_worker):
                        driver = Driver(problem)
                        raised = run(driver, spec, properties)
                        events = [{**event.plain()["payload"], "took_ms": 0} for event in driver.failures.events]
                        ends.append((raised, driver.asked, events, driver.failures.messages))
                    self.assertEqual(*ends)

    def in_an_engine(self, driver: Driver, spec: Any, properties: Any) -> str | None:
        return self.raised_by(lambda: create_volume.get_flow(CONTEXT, driver, spec, properties, VOLUME, "s").run())

    def in_a_worker(self, driver: Driver, spec: Any, properties: Any) -> str | None:
        creation = create_volume.Creation(driver)
        return self.raised_by(lambda: creation.run(CONTEXT, spec, properties, VOLUME, "s"))

    def raised_by(self, run: Callable[[], object]) -> str | None:
        try:
            with self.assertLogs("volsched", "INFO"):
                LOG.info("there is always something to log")
                run()
        except Exception as problem:  # noqa: BLE001 - compared with what the other raises
            return repr(problem)
        return None

    def test_failing_the_task_after_each_one_undoes_nothing(self) -> None:
        store = {
            "context": CONTEXT,
            "raw_request_spec": None,
            "filter_properties": {},
            "volume": VOLUME.plain(),
            "snapshot_id": None,
            "image_id": None,
            "backup_id": None,
        }
        extract = ExtractSchedulerSpecTask(rebind={"request_spec": "raw_request_spec"})
        for tasks, asked in (([extract], 0), ([extract, ScheduleCreateVolumeTask], 1)):
            with self.subTest(asked=asked):
                driver = Driver()
                flow = linear_flow.Flow("cut short")
                flow.add(*(item(driver) if isinstance(item, type) else item for item in tasks), Fail())
                with self.assertRaisesRegex(RuntimeError, "the task after it failed"):
                    engines.run(flow, store=store)
                self.assertEqual(asked, len(driver.asked))
                self.assertEqual([], driver.failures.events)
