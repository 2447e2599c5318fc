"""The manage_existing flow: its contract, its steps, and its reverts, with a failure of each task."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from taskflow import engines, task
from taskflow.patterns import linear_flow
from taskflow.types.failure import Failure

from tests import TestCase
from volsched.exceptions import InvalidRequest, QuotaExceeded, VolumeNotFound
from volsched.flows import create_volume, manage_existing
from volsched.flows.manage_existing import EntryCreateTask, ManageCastTask
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest

CONTEXT = {"project_id": "p1", "user_id": "u1", "auth_token": "secret", "roles": ["member"]}
ASKED = {"context": CONTEXT, "host": "h@b#p", "ref": {"source-name": "old"}, "name": "kept", "metadata": {"a": "b"}}


#: The keyword arguments of EntryCreateTask.execute in Cinder.
CINDERS = {
    "name": "kept",
    "description": None,
    "metadata": {"a": "b"},
    "availability_zone": "east",
    "host": "h@b#p",
    "bootable": True,
    "volume_type": {"id": "t1", "name": "gold", "extra_specs": {}},
    "ref": {"source-name": "old"},
}


class Rows:
    """Volumes as the flow's `db`, in a dict."""

    def __init__(self) -> None:
        self.rows: dict[str, Volume] = {}
        self.statuses: list[tuple[str, VolumeStatus]] = []

    def get(self, volume_id: str) -> Volume:
        if volume_id not in self.rows:
            raise VolumeNotFound(volume_id)
        return self.rows[volume_id]

    def create(self, volume: Volume, work: Sequence[WorkRequest] = ()) -> Volume:
        self.rows[volume.id] = volume
        return volume

    def set_status(
        self, volume_id: str, status: VolumeStatus, *, only_from: Iterable[VolumeStatus] | None = None
    ) -> bool:
        self.statuses.append((volume_id, status))
        return volume_id in self.rows

    def remove(self, volume_id: str) -> None:
        self.rows.pop(volume_id, None)


class Quotas:
    """Reservations in a dict; `full`: every one is refused."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.open: dict[str, tuple[str, int, int]] = {}
        self.log: list[str] = []

    def reserve(self, project_id: str, *, volumes: int, gigabytes: int, volume_type_id: str | None = None) -> str:
        if self.full:
            raise QuotaExceeded("volumes", limit=1, used=1, reserved=0, asked=volumes)
        self.open["r1"] = (project_id, volumes, gigabytes)
        return "r1"

    def commit(self, reservation: str) -> None:
        self.log.append("commit")
        self.open.pop(reservation)

    def cancel(self, reservation: str) -> None:
        self.log.append("cancel")
        self.open.pop(reservation, None)


class Database:
    def __init__(self, *, full: bool = False) -> None:
        self.volumes = Rows()
        self.quotas = Quotas(full=full)


class Scheduler:
    """Records casts; `broken`: every one fails."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.casts: list[tuple[Any, Mapping[str, Any], Mapping[str, Any]]] = []

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("no broker")
        self.casts.append((context, volume, request_spec))


class Fail(task.Task):  # type: ignore[misc]
    """A task that fails, so that everything before it is reverted."""

    def execute(self) -> None:
        raise RuntimeError("the task after it failed")


def run_until(db: Database, scheduler: Scheduler, count: int) -> None:
    """Run the flow's first `count` tasks, then one that fails."""
    flow = linear_flow.Flow("cut short")
    whole = manage_existing.get_flow(scheduler, db, ASKED)
    tasks = [node for node, _ in whole._flow.iter_nodes()]
    flow.add(*tasks[:count], Fail())
    engines.run(flow, store=manage_existing.inputs_of(ASKED))


class TestContract(TestCase):
    def test_names_and_signatures_are_the_documented_ones(self) -> None:
        self.assertEqual({"volume", "volume_properties"}, EntryCreateTask.default_provides)
        self.assertEqual(["self", "db"], list(inspect.signature(EntryCreateTask.__init__).parameters))
        self.assertEqual(["self", "context", "kwargs"], list(inspect.signature(EntryCreateTask.execute).parameters))
        self.assertEqual(
            ["self", "context", "result", "optional_args", "kwargs"],
            list(inspect.signature(EntryCreateTask.revert).parameters),
        )
        self.assertEqual(
            ["self", "scheduler_rpcapi", "db"], list(inspect.signature(ManageCastTask.__init__).parameters)
        )
        self.assertEqual(
            ["self", "context", "volume", "kwargs"], list(inspect.signature(ManageCastTask.execute).parameters)
        )
        self.assertEqual(
            ["self", "context", "result", "flow_failures", "volume", "kwargs"],
            list(inspect.signature(ManageCastTask.revert).parameters),
        )
        self.assertEqual(
            ["scheduler_rpcapi", "db_api", "create_what"],
            list(inspect.signature(manage_existing.get_flow).parameters),
        )

    def test_type_hints_can_be_resolved(self) -> None:
        flows = (manage_existing.get_flow, create_volume.get_flow)
        for function in (*flows, EntryCreateTask.execute, ManageCastTask.execute):
            with self.subTest(function.__qualname__):
                self.assertIn("return", typing.get_type_hints(function))

    def test_the_tasks_take_the_keyword_arguments_of_cinder(self) -> None:
        db, scheduler = Database(), Scheduler()
        entry, cast = EntryCreateTask(db.volumes), ManageCastTask(scheduler, db.volumes)
        self.assertEqual({"context", *CINDERS}, set(entry.requires))
        self.assertEqual({"context", "volume", "volume_properties", "volume_type", "ref"}, set(cast.requires))
        made = entry.execute(CONTEXT, **CINDERS)
        (row,) = db.volumes.rows.values()
        self.assertEqual((VolumeStatus.MANAGING, "kept", "t1"), (row.status, row.name, row.volume_type_id))
        volume_type, ref = CINDERS["volume_type"], CINDERS["ref"]
        cast.execute(CONTEXT, **made, volume_type=volume_type, ref=ref)
        ((_, volume, spec),) = scheduler.casts
        self.assertEqual(row.id, volume["id"])
        self.assertEqual((row.id, ref, volume_type), (spec["volume_id"], spec["ref"], spec["volume_type"]))
        expected = {"size", "user_id", "project_id", "status", "attach_status", "display_name", "display_description"}
        expected |= {"host", "availability_zone", "volume_type_id", "metadata", "bootable"}
        self.assertEqual(expected, set(spec["volume_properties"]))

    def test_the_tasks_run_in_a_flow_as_in_cinder(self) -> None:
        db, scheduler = Database(), Scheduler()
        flow = linear_flow.Flow("volume_manage_existing_api")
        flow.add(EntryCreateTask(db.volumes), ManageCastTask(scheduler, db.volumes))
        engines.run(flow, store={"context": CONTEXT, **CINDERS, "optional_args": None})
        self.assertEqual(1, len(scheduler.casts))
        self.assertEqual(1, len(db.volumes.rows))


class TestFlow(TestCase):
    def setUp(self) -> None:
        self.db = Database()
        self.scheduler = Scheduler()

    def test_the_flow_creates_a_row_and_casts(self) -> None:
        engine = manage_existing.get_flow(self.scheduler, self.db, ASKED)
        engine.run()
        (volume,) = self.db.volumes.rows.values()
        self.assertEqual((VolumeStatus.MANAGING, 0, "kept"), (volume.status, volume.size_gb, volume.name))
        self.assertEqual(("p1", "u1", "h@b#p"), (volume.project_id, volume.user_id, volume.host))
        ((context, cast, spec),) = self.scheduler.casts
        self.assertEqual(volume.id, cast["id"])
        self.assertEqual({"source-name": "old"}, spec["ref"])
        self.assertNotIn("auth_token", context)
        self.assertEqual(["commit"], self.db.quotas.log)
        self.assertEqual({}, self.db.quotas.open)

    def test_an_exceeded_quota_creates_nothing(self) -> None:
        self.db.quotas.full = True
        with self.assertRaises(QuotaExceeded):
            manage_existing.get_flow(self.scheduler, self.db, ASKED).run()
        self.assertEqual({}, self.db.volumes.rows)
        self.assertEqual([], self.scheduler.casts)

    def test_invalid_inputs_name_the_field(self) -> None:
        for field, changed in (
            ("host", {"host": "nowhere"}),
            ("host", {"host": 5}),
            ("ref", {"ref": {}}),
            ("ref", {"ref": "file"}),
            ("ref.source-name", {"ref": {"source-name": 7}}),
            ("ref.source-name", {"ref": {"source-name": "a\0b"}}),
            ("name", {"name": "x" * 256}),
        ):
            with self.subTest(field=field, changed=changed):
                with self.assertRaises(InvalidRequest) as caught:
                    manage_existing.get_flow(self.scheduler, self.db, {**ASKED, **changed}).run()
                self.assertEqual(field, caught.exception.field)
                self.assertEqual({}, self.db.volumes.rows)

    def test_failing_the_task_after_each_one_leaves_nothing(self) -> None:
        for count in range(1, 6):
            with self.subTest(tasks=count):
                self.db, self.scheduler = Database(), Scheduler()
                with self.assertRaisesRegex(RuntimeError, "the task after it failed"):
                    run_until(self.db, self.scheduler, count)
                self.assertEqual({}, self.db.volumes.rows)
                self.assertEqual({}, self.db.quotas.open)
                marked = [status for _, status in self.db.volumes.statuses]
                self.assertEqual([VolumeStatus.ERROR_MANAGING] if count == 5 else [], marked)

    def test_a_cast_that_fails_removes_the_row(self) -> None:
        self.scheduler.broken = True
        with self.assertRaises(ConnectionError), self.assertLogs("volsched.flows.manage_existing", "ERROR") as logs:
            manage_existing.get_flow(self.scheduler, self.db, ASKED).run()
        self.assertEqual({}, self.db.volumes.rows)
        self.assertEqual([VolumeStatus.ERROR_MANAGING], [status for _, status in self.db.volumes.statuses])
        self.assertIn("no broker", logs.output[0])

    def test_a_late_revert_keeps_a_volume_that_is_in_use(self) -> None:
        """The process died after the cast, and the scheduler served the request."""
        engine = manage_existing.get_flow(self.scheduler, self.db, ASKED)
        engine.run()
        (volume,) = self.db.volumes.rows.values()
        served = replace(volume, status=VolumeStatus.AVAILABLE)
        self.db.volumes.rows[volume.id] = served
        EntryCreateTask(self.db.volumes).revert(CONTEXT, {"volume": volume.plain()})
        self.assertEqual({volume.id: served}, self.db.volumes.rows)

    def test_a_row_is_removed_although_its_creation_has_no_result(self) -> None:
        EntryCreateTask(self.db.volumes).execute(CONTEXT, volume_id="v1", **CINDERS)
        self.assertEqual(["v1"], [*self.db.volumes.rows])
        try:
            raise ConnectionError("lost before the answer")
        except ConnectionError:
            EntryCreateTask(self.db.volumes).revert(CONTEXT, Failure(), volume_id="v1")
        self.assertEqual({}, self.db.volumes.rows)

    def test_every_result_survives_json_and_another_process(self) -> None:
        engine = manage_existing.get_flow(self.scheduler, self.db, ASKED)
        engine.run()
        results = engine.storage.fetch_all()
        results.pop("optional_args")
        stored = json.dumps(results)
        script = "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))"
        read = subprocess.run([sys.executable, "-c", script], input=stored, capture_output=True, text=True, check=True)
        self.assertEqual(results, json.loads(read.stdout))
        self.assertNotIn("secret", stored)
