"""The scheduler worker on a real database: every operation is accepted or refused, whatever driver is selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ddt

from tests.stores.world import NOON, OnSQLite, a_volume
from tests.thirdparty.direct.direct import DirectScheduler
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.groups import Groups
from volsched.db.outbox import Outbox
from volsched.db.records import Decisions, Failures, Messages
from volsched.db.schema import work as rows
from volsched.db.snapshots import Snapshots
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import ClaimConflict, DatabaseUnavailable, NoValidBackend
from volsched.flows.scheduler_queue import scheduler_work
from volsched.model.claim import Claim, Placement, create_key, extend_key, migrate_key, snapshot_key
from volsched.model.group import Group, GroupStatus
from volsched.model.identity import backend_of, pool_name_of
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import WorkRequest, WorkState, agent_queue
from volsched.placement.registry import Registry
from volsched.plugins import SchedulerDriver, SchedulerResources
from volsched.scheduler.shared_pools import SharedPools
from volsched.scheduler.worker import MOST_ATTEMPTS, OPERATIONS, SchedulerWorker
from volsched.testing.memory import MemoryCaster, scheduler_resources
from volsched_drivers.schedulers.filter import FilterScheduler

BIG, SMALL = "h@b#big", "h@b#small"
OTHER = "h@c#other"
CONTEXT = {"project_id": "p1", "user_id": "u1"}
DRIVERS = (FilterScheduler, DirectScheduler)
BROKEN_PAYLOADS: tuple[dict[str, Any], ...] = (
    {},
    {"request_spec": 5, "filter_properties": "x", "context": None, "group": 5, "snapshot": "x", "volume": []},
)


class Broken(DirectScheduler):
    """Raises `problem`, or returns `answer`, whatever it is asked."""

    contract = (1, 0)
    problem: BaseException | None = None
    answer: Any = None

    def _broken(self, *args: Any, **kwargs: Any) -> Any:
        if self.problem is not None:
            raise self.problem
        return self.answer

    schedule_create_volume = backend_passes_filters = find_retype_backend = schedule_create_group = _broken


class Recursive(DirectScheduler):
    contract = (1, 0)

    def _decide(self, request: Any) -> Any:
        return self._decide(request)


class WorkerCase(OnSQLite):
    """A scheduler over three pools of 100, 20 and 50 GiB on two backends."""

    def setUp(self) -> None:
        super().setUp()
        self.volumes, self.work = Volumes(self.database), WorkQueue(self.database)
        self.claims, self.decisions = Claims(self.database), Decisions(self.database)
        self.messages, self.outbox = Messages(self.database), Outbox(self.database)
        self.snapshots, self.groups = Snapshots(self.database), Groups(self.database)
        self.caster = MemoryCaster()
        self.types = [VolumeTypes(self.database).create(name).id for name in ("t1", "t2")]
        self.report({BIG: 100, SMALL: 20}, {OTHER: 50})

    def report(self, *backends: Mapping[str, float]) -> None:
        stored = Backends(self.database)
        for pools in backends:
            host = backend_of(next(iter(pools)))
            entries = [
                {"pool_name": pool_name_of(pool_id), "total_capacity_gb": free, "free_capacity_gb": free}
                for pool_id, free in pools.items()
            ]
            report = CapabilityReport(
                service_name="volume", host=host, capabilities={"pools": entries}, timestamp=self.clock()
            )
            stored.heartbeat(host)
            stored.record(report, pools_from(report, ServiceState(host=host), "20.0"))

    def worker(self, driver: type[SchedulerDriver] = FilterScheduler, **resources: Any) -> SchedulerWorker:
        self.pools = SharedPools(Registry(clock=self.clock), Backends(self.database), self.claims, default_ratio="20.0")
        self.pools.sync()
        made: SchedulerResources = replace(
            scheduler_resources(clock=self.clock),
            pools=self.pools,
            claims=self.claims,
            volumes=self.volumes,
            events=self.outbox,
            decisions=self.decisions,
            failures=Failures(self.database),
            driver="tested",
            driver_package="acme 1.0",
            **resources,
        )
        self.resources = made
        return SchedulerWorker(
            driver=driver(made),
            resources=made,
            work=self.work,
            caster=self.caster,
            owner="host:1:1",
            lease_seconds=60,
        )

    # -- what is asked -------------------------------------------------------------------------------------------

    def spec(self, size_gb: Any = 10, **more: Any) -> dict[str, Any]:
        properties = {"size": size_gb, "project_id": "p1", "host": BIG, "attach_status": "detached"}
        return {"volume_id": "v1", "volume_properties": properties, **more}

    def queue(self, operation: str, status: VolumeStatus, size_gb: int = 10, **payload: Any) -> WorkRequest:
        """Work on volume v1, which lives in the big pool unless it is to be created or managed."""
        host = None if status in (VolumeStatus.CREATING, VolumeStatus.MANAGING) else BIG
        given = {"request_spec": self.spec(size_gb), "filter_properties": {}, **payload}
        work = scheduler_work(operation, "v1", CONTEXT, given)
        self.volumes.create(a_volume("v1", status=status, size_gb=size_gb, host=host), [work])
        return work

    def ask(self, operation: str, *, fits: bool) -> WorkRequest:
        """Queue work of this kind that fits, or does not."""
        size = 10 if fits else 1000
        match operation:
            case "create":
                return self.queue("create", VolumeStatus.CREATING, size)
            case "extend":
                growing = {"filter_properties": {"new_size": 10 + size}, "new_size_gb": 10 + size}
                return self.queue("extend", VolumeStatus.EXTENDING, **growing)
            case "manage":
                backend = "h@b" if fits else "gone@x"
                return self.queue("manage", VolumeStatus.MANAGING, 0, backend=backend)
            case "migrate":
                return self.queue("migrate", VolumeStatus.MIGRATING, backend=OTHER if fits else "gone@x#p")
            case "retype":
                spec = self.spec(10) if fits else {**self.spec(1000)}
                if not fits:
                    spec["volume_properties"]["host"] = "gone@x#p"
                retype = {"new_type_id": self.types[1], "migration_policy": "never", "request_spec": spec}
                return self.queue("retype", VolumeStatus.RETYPING, **retype)
            case "snapshot":
                snapshot = Snapshot(
                    id="s1", project_id="p1", user_id="u1", status=SnapshotStatus.CREATING, volume_id="v1", size_gb=size
                )
                self.volumes.create(a_volume("v1", status=VolumeStatus.AVAILABLE, size_gb=size, host=BIG))
                given = {"request_spec": self.spec(size), "filter_properties": {}, "snapshot": snapshot.plain()}
                work = scheduler_work("snapshot", "v1", CONTEXT, given)
                self.snapshots.create(snapshot, [work])
                return work
        group = Group(
            id="g1",
            project_id="p1",
            user_id="u1",
            status=GroupStatus.CREATING,
            name=None,
            volume_type_ids=(str(self.types[0]),),
        )
        spec = {"group_id": "g1", "volume_properties": {"size": 0}}
        kind = {"id": self.types[0], "name": "t1", "extra_specs": {}}
        work = WorkRequest(
            id="w-group",
            queue="scheduler",
            operation="group",
            volume_id=None,
            payload={
                "context": CONTEXT,
                "group": {"id": "g1", "project_id": "p1"},
                "group_spec": spec,
                "request_specs": [{**spec, "volume_type": kind}] if fits else [],
            },
        )
        self.groups.create(group, [work])
        return work

    # -- what became of it ---------------------------------------------------------------------------------------

    def events(self) -> list[str]:
        self.outbox.expect(["all"])
        due = self.outbox.due("all", owner="me", limit=100, lease_seconds=60)
        return [each.event.event_type for each in due]

    def state(self, work: WorkRequest) -> tuple[WorkState, str | None]:
        with self.database.transaction() as connection:
            row = connection.execute(rows.select().where(rows.c.id == work.id)).one()
        return WorkState(row.state), row.problem

    def agent_work(self) -> dict[str, str]:
        """Operation of the work that waits for agents -> its queue."""
        return {each.operation: each.queue for each in self.work.unfinished() if each.queue != "scheduler"}


@ddt.ddt
class TestAccepted(WorkerCase):
    @ddt.data(*DRIVERS)
    def test_create_claims_the_room_and_queues_the_agents_work(self, driver: type[SchedulerDriver]) -> None:
        work = self.ask("create", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual([(create_key("v1"), BIG, 10)], _claims(self.claims))
        self.assertEqual((WorkState.DONE, None), self.state(work))
        self.assertEqual({"create": agent_queue("h@b")}, self.agent_work())
        self.assertIn(agent_queue("h@b"), self.caster.woken)
        self.assertEqual(["scheduler.create_volume.start", "scheduler.create_volume.end"], self.events())
        self.assertEqual(90, self.free(BIG), "the next decision sees the claim")

    @ddt.data(*DRIVERS)
    def test_extend_claims_the_growth(self, driver: type[SchedulerDriver]) -> None:
        work = self.ask("extend", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual([(extend_key("v1", 20), BIG, 10)], _claims(self.claims))
        self.assertEqual((WorkState.DONE, None), self.state(work))
        self.assertEqual({"extend": agent_queue("h@b")}, self.agent_work())
        self.assertEqual([agent_queue("h@b")], self.caster.woken)
        self.assertEqual(90, self.free(BIG), "the next decision sees the claim")

    @ddt.data(*DRIVERS)
    def test_manage_writes_the_best_pool_of_the_backend(self, driver: type[SchedulerDriver]) -> None:
        self.ask("manage", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual(BIG, self.volumes.get("v1").host)
        self.assertEqual([(create_key("v1"), BIG, 0)], _claims(self.claims))
        self.assertEqual({"manage": agent_queue("h@b")}, self.agent_work())

    @ddt.data(*DRIVERS)
    def test_migrate_claims_the_room_there_and_begins_where_the_volume_is(self, driver: type[SchedulerDriver]) -> None:
        self.ask("migrate", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual(BIG, self.volumes.get("v1").host, "until the copy is there")
        self.assertEqual([(migrate_key("v1", OTHER), OTHER, 10)], _claims(self.claims))
        self.assertEqual({"offer": agent_queue("h@b")}, self.agent_work())

    @ddt.data(*DRIVERS)
    def test_migrate_to_its_own_backend_takes_another_pool(self, driver: type[SchedulerDriver]) -> None:
        self.queue("migrate", VolumeStatus.MIGRATING, backend="h@b")
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual([(migrate_key("v1", SMALL), SMALL, 10)], _claims(self.claims))

    @ddt.data(*DRIVERS)
    def test_retype_in_place_changes_the_row_and_claims_nothing(self, driver: type[SchedulerDriver]) -> None:
        work = self.ask("retype", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        volume = self.volumes.get("v1")
        self.assertEqual(
            (VolumeStatus.AVAILABLE, self.types[1], BIG), (volume.status, volume.volume_type_id, volume.host)
        )
        self.assertEqual(([], WorkState.DONE), (_claims(self.claims), self.state(work)[0]))
        self.assertEqual(["scheduler.retype_volume.start", "scheduler.retype_volume.end"], self.events())
        self.assertEqual(1, len(self.decisions.of("v1")))

    @ddt.data(*DRIVERS)
    def test_retype_moves_where_that_is_allowed(self, driver: type[SchedulerDriver]) -> None:
        spec = self.spec(10)
        spec["volume_properties"]["host"] = "gone@x#p"
        retype = {"new_type_id": self.types[1], "migration_policy": "on-demand", "request_spec": spec}
        work = scheduler_work("retype", "v1", CONTEXT, {"filter_properties": {}, **retype})
        self.volumes.create(a_volume("v1", status=VolumeStatus.RETYPING, host=SMALL), [work])
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual([(migrate_key("v1", BIG), BIG, 10)], _claims(self.claims))
        (offer,) = (each for each in self.work.unfinished() if each.operation == "offer")
        self.assertEqual(self.types[1], offer.payload["changes"]["volume_type_id"])

    @ddt.data(*DRIVERS)
    def test_a_snapshot_claims_as_much_as_the_volume_has(self, driver: type[SchedulerDriver]) -> None:
        self.ask("snapshot", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        self.assertEqual([(snapshot_key("s1"), BIG, 10)], _claims(self.claims))
        self.assertEqual({"snapshot": agent_queue("h@b")}, self.agent_work())

    @ddt.data(*DRIVERS)
    def test_a_group_gets_a_pool(self, driver: type[SchedulerDriver]) -> None:
        work = self.ask("group", fits=True)
        self.assertTrue(self.worker(driver).work_once())
        group = self.groups.get("g1")
        self.assertEqual((GroupStatus.AVAILABLE, BIG), (group.status, group.host))
        self.assertEqual(WorkState.DONE, self.state(work)[0])
        self.assertEqual(["scheduler.create_group.start", "scheduler.create_group.end"], self.events())

    @ddt.data("extend", "manage", "retype", "migrate", "create")
    def test_work_whose_volume_does_not_wait_for_it_does_nothing(self, operation: str) -> None:
        work = self.ask(operation, fits=True)
        self.volumes.set_status("v1", VolumeStatus.ERROR)
        self.assertTrue(self.worker().work_once())
        self.assertEqual((WorkState.DONE, None), self.state(work))
        self.assertEqual(([], {}), (_claims(self.claims), self.agent_work()))

    def test_there_is_no_work(self) -> None:
        self.assertFalse(self.worker().work_once())

    def free(self, pool_id: str) -> float:
        table = self.pools.table()
        row = table.row(pool_id)
        assert row is not None
        return table.pool(row).free_gb


#: Operation -> what becomes of the volume.
REFUSED: Mapping[str, VolumeStatus | None] = {
    "create": VolumeStatus.ERROR,
    "extend": VolumeStatus.AVAILABLE,
    "manage": None,
    "migrate": VolumeStatus.AVAILABLE,
    "retype": VolumeStatus.AVAILABLE,
    "snapshot": VolumeStatus.AVAILABLE,
    "group": None,
}


@ddt.ddt
class TestRefused(WorkerCase):
    def assert_refused(self, operation: str, work: WorkRequest, code: str, error: str) -> None:
        status = REFUSED[operation]
        if status is not None:
            self.assertEqual(status, self.volumes.get("v1").status)
        elif operation == "manage":
            self.assertEqual([], self.volumes.list())
        if operation == "snapshot":
            self.assertEqual(SnapshotStatus.ERROR, self.snapshots.get("s1").status)
        if operation == "group":
            self.assertEqual(GroupStatus.ERROR, self.groups.get("g1").status)
        self.assertEqual(([], {}), (_claims(self.claims), self.agent_work()))
        about = "g1" if operation == "group" else "v1"
        self.assertEqual([code], [message.code for message in self.messages.of(about)])
        topic = "scheduler.create_group" if operation == "group" else f"scheduler.{operation}_volume"
        self.assertEqual([f"{topic}.start", topic], self.events())
        state, problem = self.state(work)
        if operation != "create" or error != "NoValidBackend":
            self.assertEqual(WorkState.FAILED, state)
            self.assertTrue(problem)

    @ddt.data(*((driver, operation) for driver in DRIVERS for operation in OPERATIONS))
    @ddt.unpack
    def test_what_does_not_fit(self, driver: type[SchedulerDriver], operation: str) -> None:
        work = self.ask(operation, fits=False)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker(driver).work_once())
        self.assert_refused(operation, work, "VS-NO-POOL", "NoValidBackend")
        self.assertEqual(1, len(self.decisions.of("g1" if operation == "group" else "v1")))

    @ddt.data(*OPERATIONS)
    def test_a_driver_that_raises_anything(self, operation: str) -> None:
        for number, problem in enumerate((AttributeError("judge"), SystemExit("bye"), KeyError("x"))):
            with self.subTest(problem=problem):
                if number:
                    self.setUp()
                work = self.ask(operation, fits=True)
                driver = type("Raising", (Broken,), {"problem": problem, "contract": (1, 0)})
                with self.assertLogs("volsched", "ERROR"):
                    self.assertTrue(self.worker(driver).work_once())
                self.assert_refused(operation, work, "VS-FAILED", "PluginError")
                self.assertRegex(str(self.state(work)[1]), f"plugin tested of acme 1.0: .*{type(problem).__name__}")
                self.assertFalse(self.worker(driver).work_once(), "the work has ended")

    @ddt.data(*OPERATIONS)
    def test_a_driver_that_recurses_for_ever(self, operation: str) -> None:
        work = self.ask(operation, fits=True)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker(Recursive).work_once())
        self.assert_refused(operation, work, "VS-FAILED", "PluginError")

    @ddt.data(*OPERATIONS)
    def test_a_driver_that_answers_nothing(self, operation: str) -> None:
        work = self.ask(operation, fits=True)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker(Broken).work_once())
        self.assert_refused(operation, work, "VS-FAILED", "PluginError")
        self.assertIn("expected a Decision with a chosen pool", str(self.state(work)[1]))

    def test_a_driver_that_claims_nothing_leaves_no_volume_in_creating(self) -> None:
        class Idle(DirectScheduler):
            contract = (1, 0)

            def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
                return self.backend_passes_filters(context, BIG, request_spec, filter_properties)

        work = self.ask("create", fits=True)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker(Idle).work_once())
        self.assert_refused("create", work, "VS-FAILED", "PluginError")

    def test_a_driver_without_resources_loses_no_answer(self) -> None:
        class Bare(DirectScheduler):
            contract = (1, 0)

            def __init__(self, resources: Any) -> None:
                """Keep nothing."""

            def schedule_create_volume(self, context: Any, request_spec: Any, filter_properties: Any) -> Any:
                raise NoValidBackend("there is nothing here")

        self.ask("create", fits=True)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker(Bare).work_once())
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertEqual(["VS-NO-POOL"], [message.code for message in self.messages.of("v1")])
        self.assertEqual(["scheduler.create_volume.start", "scheduler.create_volume"], self.events())

    @ddt.data(*OPERATIONS)
    def test_work_that_kills_every_process_is_refused_in_the_end(self, operation: str) -> None:
        work = self.ask(operation, fits=True)
        for attempt in range(MOST_ATTEMPTS):
            self.work.take(["scheduler"], f"dead:{attempt}:1", 1)
            self.clock.forward(2)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker().work_once())
        self.assertEqual(WorkState.FAILED, self.state(work)[0])
        self.assertEqual(([], {}), (_claims(self.claims), self.agent_work()))

    @ddt.data(*((operation, broken) for operation in OPERATIONS for broken in BROKEN_PAYLOADS))
    @ddt.unpack
    def test_malformed_work_ends(self, operation: str, broken: Mapping[str, Any]) -> None:
        """Whatever is in the row, the work ends and the loop goes on."""
        work = self.ask(operation, fits=True)
        with self.database.transaction() as connection:
            connection.execute(rows.update().where(rows.c.id == work.id).values(payload=broken))
        worker = self.worker()
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(worker.work_once())
        self.assertFalse(worker.work_once())
        self.assertEqual(WorkState.FAILED, self.state(work)[0])

    def test_an_unknown_operation_ends_as_failed(self) -> None:
        work = self.queue("dance", VolumeStatus.AVAILABLE)
        self.assertTrue(self.worker().work_once())
        state, problem = self.state(work)
        self.assertEqual(WorkState.FAILED, state)
        self.assertIn("got dance", str(problem))

    def test_work_goes_on_later_where_the_database_is_away(self) -> None:
        driver = type("Away", (Broken,), {"problem": DatabaseUnavailable("locked"), "contract": (1, 0)})
        work = self.ask("extend", fits=True)
        with self.assertRaises(DatabaseUnavailable):
            self.worker(driver).work_once()
        self.assertEqual(WorkState.RUNNING, self.state(work)[0])


@ddt.ddt
class TestMalformedCreate(WorkerCase):
    """Whatever a request holds, its volume ends in error, its owner gets a message, and notifiers get the event."""

    @ddt.data(
        ("retry", ["x"]),
        ("retry", "1"),
        ("retry", 5),
        ("retry", {"num_attempts": "many"}),
        ("volume_properties", ["x"]),
        ("volume_properties", "1"),
        ("volume_properties", 5),
        ("volume_id", ["x"]),
        ("volume_id", "1"),
        ("volume_id", {"a": 1}),
        ("volume_id", 5),
    )
    @ddt.unpack
    def test_a_field(self, field: str, value: Any) -> None:
        spec, properties = self.spec(), {}
        (properties if field == "retry" else spec)[field] = value
        self.assert_error(spec, properties)

    @ddt.data(["x"], "1", 5)
    def test_the_whole_of_it(self, value: Any) -> None:
        self.assert_error(value, {})

    @ddt.data(["x"], "1", 5)
    def test_the_filter_properties(self, value: Any) -> None:
        self.assert_error(self.spec(), value)

    def assert_error(self, spec: Any, properties: Any) -> None:
        work = self.queue("create", VolumeStatus.CREATING, request_spec=spec, filter_properties=properties)
        for driver in DRIVERS[:1]:
            with self.assertLogs("volsched", "ERROR"):
                self.assertTrue(self.worker(driver).work_once())
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertEqual(1, len(self.messages.of("v1")))
        self.assertEqual(["scheduler.create_volume.start", "scheduler.create_volume"], self.events())
        self.assertEqual(WorkState.FAILED, self.state(work)[0])

    def test_the_volume_that_was_given_fails_not_the_one_that_is_named(self) -> None:
        self.volumes.create(a_volume("v2", status=VolumeStatus.AVAILABLE, host=BIG))
        self.queue("create", VolumeStatus.CREATING, 1000, request_spec={**self.spec(1000), "volume_id": "v2"})
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(self.worker().work_once())
        statuses = [self.volumes.get(name).status for name in ("v1", "v2")]
        self.assertEqual([VolumeStatus.ERROR, VolumeStatus.AVAILABLE], statuses)


class TestClaimLoop(WorkerCase):
    """What another process did meanwhile is seen before a request is refused, and after a claim conflicted."""

    def test_pools_are_read_anew_before_a_refusal(self) -> None:
        worker = self.worker()
        self.clock.forward(10)
        self.report({BIG: 2000, SMALL: 20})
        self.ask("create", fits=False)
        self.assertTrue(worker.work_once())
        self.assertEqual(BIG, self.volumes.get("v1").host)

    def test_pools_are_read_anew_before_an_extend_is_refused(self) -> None:
        worker = self.worker()
        self.clock.forward(10)
        self.report({BIG: 2000, SMALL: 20})
        self.ask("extend", fits=False)
        self.assertTrue(worker.work_once())
        self.assertEqual([BIG], [claim.pool_id for claim in self.claims.of("v1")])

    def test_a_conflict_is_seen_by_the_next_decision(self) -> None:
        """Another process took the room: the refusal names the figures that hold now."""
        worker = self.worker()
        Volumes(self.database).create(a_volume("theirs", size_gb=95))
        made = Claim(key="theirs", volume_id="theirs", pool_id=BIG, size_gb=95, made_at=NOON)
        Claims(self.database).claim(Placement(claim=made, thin=False))
        self.ask("extend", fits=True)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(worker.work_once())
        (refused,) = self.decisions.of("v1")
        self.assertEqual([BIG], refused.document["conflicts"])
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)

    def test_claims_that_conflict_for_ever_end_in_a_refusal(self) -> None:
        class Losing(Claims):
            tried = 0

            def claim(self, placement: Placement) -> Claim:
                self.tried += 1
                raise ClaimConflict(placement.claim.pool_id)

        losing = Losing(self.database)
        self.ask("extend", fits=True)
        worker = self.worker(claim_attempts=4)
        worker._recorder.resources = replace(self.resources, claims=losing)
        with self.assertLogs("volsched", "ERROR"):
            self.assertTrue(worker.work_once())
        self.assertEqual(4, losing.tried)
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)


def _claims(claims: Claims) -> list[tuple[str, str, float]]:
    return [(claim.key, claim.pool_id, claim.size_gb) for claim in claims.in_pools((BIG, SMALL, OTHER))]
