"""The create_volume flow: its contract, how it completes a request, and what it does when a driver fails."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from taskflow import engines, task
from taskflow.patterns import linear_flow

from tests import TestCase
from volsched.exceptions import DatabaseUnavailable, InvalidRequest, LeaseLost, NoValidBackend, PluginError
from volsched.flows import create_volume
from volsched.flows.create_volume import ExtractSchedulerSpecTask, ScheduleCreateVolumeTask
from volsched.model.volume import Volume, VolumeStatus

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
    """A driver_api that records what it is asked, or fails as it is told."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.asked: list[tuple[Any, Mapping[str, Any], Mapping[str, Any]]] = []
        self.failures: list[dict[str, Any]] = []
        self.resources = SimpleNamespace(
            clock=lambda: datetime(2026, 1, 1), publisher="scheduler.test", driver="filter"
        )

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> None:
        self.asked.append((context, request_spec, filter_properties))
        if self.problem is not None:
            raise self.problem

    def record_failure(self, **failure: Any) -> None:
        self.failures.append(failure)


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
        self.assertEqual([], driver.failures)

    def test_no_valid_backend_is_an_answer(self) -> None:
        driver = Driver(NoValidBackend("none of 3 pools fits"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"):
            self.run_flow(driver)
        (failure,) = driver.failures
        self.assertEqual(VOLUME.id, failure["volume_id"])
        self.assertEqual("VS-NO-POOL", failure["message"].code)

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
                (failure,) = driver.failures
                self.assertEqual(code, failure["message"].code)

    def test_the_notification_says_what_the_reason_and_the_request(self) -> None:
        driver = Driver(NoValidBackend("none of 3 pools fits"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"):
            self.run_flow(driver)
        event = driver.failures[0]["event"]
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
            ids.add(driver.failures[0]["event"].id)
        self.assertEqual(1, len(ids))

    def test_the_owner_is_told_nothing_of_the_operators(self) -> None:
        driver = Driver(PluginError("rack", "password=hunter2 on 10.0.0.1"))
        with self.assertLogs("volsched.flows.create_volume", "ERROR"), self.assertRaises(PluginError):
            self.run_flow(driver)
        self.assertNotIn("hunter2", driver.failures[0]["message"].text)

    def test_work_that_is_not_ours_any_more_is_left_alone(self) -> None:
        for problem in (LeaseLost("w1"), DatabaseUnavailable("locked")):
            with self.subTest(problem=problem):
                driver = Driver(problem)
                with self.assertRaises(type(problem)):
                    self.run_flow(driver)
                self.assertEqual([], driver.failures)

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
                self.assertEqual([], driver.failures)
