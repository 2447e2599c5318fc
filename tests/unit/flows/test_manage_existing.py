"""The manage_existing flow: its contract, its steps, and its reverts, shown by failing every task in turn."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from taskflow import engines, task
from taskflow.patterns import linear_flow
from taskflow.types.failure import Failure

from tests import TestCase
from volsched.exceptions import InvalidRequest, QuotaExceeded, VolumeNotFound
from volsched.flows import manage_existing
from volsched.flows.manage_existing import EntryCreateTask, ManageCastTask
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest

CONTEXT = {"project_id": "p1", "user_id": "u1", "auth_token": "secret", "roles": ["member"]}
ASKED = {"context": CONTEXT, "host": "h@b#p", "ref": {"source-name": "old"}, "name": "kept", "metadata": {"a": "b"}}


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
    """Reservations in a dict; refuses when told to."""

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
    """Records casts; fails when told to."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.casts: list[tuple[Any, Mapping[str, Any], Mapping[str, Any]]] = []

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("no broker")
        self.casts.append((context, volume, request_spec))


class Fail(task.Task):  # type: ignore[misc]
    """The task after the one under test: it fails, so that everything before it is reverted."""

    def execute(self) -> None:
        raise RuntimeError("the task after it failed")


def run_until(db: Database, scheduler: Scheduler, count: int) -> None:
    """The flow's first `count` tasks, then one that fails."""
    flow = linear_flow.Flow("cut short")
    whole = manage_existing.get_flow(scheduler, db, ASKED)
    tasks = [node for node, _ in whole._flow.iter_nodes()]
    flow.add(*tasks[:count], Fail())
    engines.run(flow, store={**ASKED, "optional_args": None})


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


class TestFlow(TestCase):
    def setUp(self) -> None:
        self.db = Database()
        self.scheduler = Scheduler()

    def test_makes_a_row_and_casts(self) -> None:
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

    def test_quota_refused(self) -> None:
        self.db.quotas.full = True
        with self.assertRaises(QuotaExceeded):
            manage_existing.get_flow(self.scheduler, self.db, ASKED).run()
        self.assertEqual({}, self.db.volumes.rows)
        self.assertEqual([], self.scheduler.casts)

    def test_bad_input_names_the_field(self) -> None:
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

    def test_reverted_late_a_volume_that_is_in_use_by_now_stays_as_it_is(self) -> None:
        """The cast's result got lost with the process, and the request was served all the same."""
        engine = manage_existing.get_flow(self.scheduler, self.db, ASKED)
        engine.run()
        (volume,) = self.db.volumes.rows.values()
        served = replace(volume, status=VolumeStatus.AVAILABLE)
        self.db.volumes.rows[volume.id] = served
        EntryCreateTask(self.db.volumes).revert(CONTEXT, {"volume": volume.plain()}, manage_spec={})
        self.assertEqual({volume.id: served}, self.db.volumes.rows)

    def test_a_row_is_removed_though_its_maker_never_said_that_it_made_one(self) -> None:
        spec = manage_existing.ExtractManageSpecTask().execute(CONTEXT, "h@b#p", {"source-name": "old"})["manage_spec"]
        EntryCreateTask(self.db.volumes).execute(CONTEXT, manage_spec=spec)
        self.assertEqual([spec["volume_id"]], [*self.db.volumes.rows])
        try:
            raise ConnectionError("lost before the answer")
        except ConnectionError:
            EntryCreateTask(self.db.volumes).revert(CONTEXT, Failure(), manage_spec=spec)
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
