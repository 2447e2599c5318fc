"""Tests of the diagnosis as a whole, and of the checks of configuration, backends, events and work."""

from __future__ import annotations

import socket
from datetime import timedelta

import sqlalchemy as sa

from tests.unit.ops.doctor.world import HOST, World
from volsched.db.outbox import Outbox
from volsched.db.schema import backends, work
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.loader.problems import CODES
from volsched.model.event import Event, Priority
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest
from volsched.ops.doctor import checks
from volsched.ops.doctor.context import warning


class TestDiagnosis(World):
    def test_a_fresh_installation_is_well(self) -> None:
        self.report(self.database(), {}, {})
        self.assertEqual({}, self.diagnosed())

    def test_nothing_at_all(self) -> None:
        found = self.diagnosed()
        self.assertEqual(["VS201"], list(found))
        self.assertIn("volsched.db has no tables yet", found["VS201"][0].what)
        self.assertEqual("run volsched db upgrade", found["VS201"][0].fix)
        self.assertTrue(found["VS201"][0].fatal)

    def test_a_bad_configuration_hides_nothing_else(self) -> None:
        found = self.diagnosed("[scheduler]\nfilters = capcity\n")
        self.assertEqual({"VS101", "VS201"}, set(found))

    def test_a_check_that_fails_is_a_finding(self) -> None:
        def broken(context: object) -> list[object]:
            raise ZeroDivisionError("of its own")

        (problem,) = checks._run("stars", broken, self.context())  # type: ignore[arg-type]
        self.assertEqual(("VS219", "the check of stars"), (problem.code, problem.where))
        self.assertIn("ZeroDivisionError: of its own", problem.what)

    def test_many_of_a_kind_are_counted(self) -> None:
        many = [warning("VS209", f"backend {number}", "is down", "start it") for number in range(25)]
        shown = list(checks._first(many))
        self.assertEqual(21, len(shown))
        self.assertEqual("5 more of the same kind are not shown", shown[-1].what)

    def test_each_check_is_announced(self) -> None:
        said: list[str] = []
        list(checks.diagnose(self.context(), progress=said.append))
        self.assertEqual([name for name, _ in checks.CHECKS], said)

    def test_every_code_is_explained(self) -> None:
        self.assertLessEqual({f"VS{number}" for number in (128, 130, *range(201, 208), *range(209, 220))}, set(CODES))


class TestBus(World):
    def test_no_broker_there(self) -> None:
        with socket.socket() as taken:  # bound, and listens to nobody
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            found = self.diagnosed(f"[messaging]\ntransport_url = rabbit://me:hunter2@127.0.0.1:{port}/\n")
        (problem,) = found["VS202"]
        self.assertIn(f"the broker at 127.0.0.1:{port} cannot be reached", problem.what)
        self.assertNotIn("hunter2", str(problem))

    def test_a_url_that_names_none(self) -> None:
        (problem,) = self.diagnosed("[messaging]\ntransport_url = smoke://signals\n")["VS202"]
        self.assertIn("names no message bus", problem.what)

    def test_one_that_needs_no_broker(self) -> None:
        self.assertNotIn("VS202", self.diagnosed("[messaging]\ntransport_url = fake://\n"))


class TestBackends(World):
    def test_down(self) -> None:
        database = self.database()
        self.report(database, {}, {})
        with database.transaction() as connection:
            long_ago = database.now(connection) - timedelta(hours=1)
            connection.execute(sa.update(backends).values(heartbeat_at=long_ago))
        (problem,) = self.diagnosed()["VS209"]
        self.assertEqual(f"backend {HOST}", problem.where)
        self.assertRegex(problem.what, "the last heartbeat arrived 360\\d s ago")
        own = "[agent]\nhost = node1\nbackends = disk1\n[backend_disk1]\ndriver = directory\n"
        own += f"path = {self.home}/disk1\npools = a\n"
        self.assertNotIn("VS209", self.diagnosed(own), "the commands drive it themselves")
        with database.transaction() as connection:
            connection.execute(sa.update(backends).values(disabled=True))
        self.assertNotIn("VS209", self.diagnosed())

    def test_set_aside(self) -> None:
        self.report(self.database(), {}, {"free_capacity_gb": "plenty"})
        (problem,) = self.diagnosed()["VS210"]
        self.assertIn(f"{HOST}", problem.where)
        self.assertIn("plenty", problem.what)

    def test_clocks(self) -> None:
        for late, words in ((-60.0, "60 s later than its arrival"), (120.0, "120 s before its arrival")):
            with self.subTest(late=late):
                self.home = self.folder()
                self.report(self.database(), {}, late=late)
                (problem,) = self.diagnosed()["VS211"]
                self.assertIn(words, problem.what)

    def test_a_stamp_from_the_future(self) -> None:
        database = self.database()
        self.report(database, {})
        with database.transaction() as connection:
            ahead = database.now(connection) + timedelta(days=365)
            connection.execute(sa.update(backends).values(reported_at=ahead, heartbeat_at=ahead))
        (problem,) = self.diagnosed()["VS211"]
        self.assertEqual(f"backend {HOST}", problem.where)
        self.assertRegex(problem.what, r"dated 315\d{5} s in the future and is ignored")


class TestEvents(World):
    def test_parked(self) -> None:
        database = self.database()
        outbox = Outbox(database)
        outbox.expect(["hook"])
        for number in range(3):
            event = Event(
                id=f"event-{number}",
                event_type="volume.create.end",
                priority=Priority.INFO,
                occurred_at="2026-01-01T12:00:00",
                publisher="agent.node1",
                volume_id=f"v{number}",
                project_id="p1",
                payload={},
            )
            outbox.emit(event)
            outbox.due("hook", owner="me", limit=9, lease_seconds=9)
            outbox.failed("hook", event.id, f"no route {number}", retry_at=None)
        (problem,) = self.diagnosed()["VS212"]
        self.assertEqual("notifier hook", problem.where)
        self.assertEqual("3 events are parked, the first: volume.create.end: no route 0", problem.what)


class TestWork(World):
    def setUp(self) -> None:
        super().setUp()
        self.books = self.database()
        self.volume = Volume(id="v1", project_id="p1", user_id="u1", size_gb=1, status=VolumeStatus.CREATING)
        Volumes(self.books).create(self.volume)

    def queue(self, queue: str = "scheduler") -> None:
        WorkQueue(self.books).add(WorkRequest(id="work-1", queue=queue, operation="create", volume_id="v1", payload={}))

    def make_old(self, **columns: timedelta) -> None:
        with self.books.transaction() as connection:
            now = self.books.now(connection)
            connection.execute(sa.update(work).values({name: now - ago for name, ago in columns.items()}))

    def test_a_volume_that_nobody_works_on(self) -> None:
        (problem,) = self.diagnosed()["VS214"]
        self.assertEqual("volume v1", problem.where)
        self.assertIn("the volume is creating, but no work item for it", problem.what)

    def test_work_that_was_just_asked_for_is_well(self) -> None:
        self.queue()
        self.assertEqual({}, self.diagnosed())

    def test_work_that_nobody_takes(self) -> None:
        self.queue("agent:node1@disk1")
        self.make_old(created_at=timedelta(minutes=10))
        (problem,) = self.diagnosed()["VS215"]
        self.assertEqual("create of volume v1 (work work-1)", problem.where)
        self.assertEqual("start the volsched-agent of node1@disk1", problem.fix)

    def test_work_that_nobody_takes_over(self) -> None:
        self.queue()
        WorkQueue(self.books).take(["scheduler"], "elsewhere:1:1", 1)
        self.make_old(lease_until=timedelta(minutes=10))
        (problem,) = self.diagnosed()["VS213"]
        self.assertRegex(problem.what, "the lease of elsewhere:1:1 expired 60\\d s ago")
        self.assertEqual("start volsched-scheduler", problem.fix)
