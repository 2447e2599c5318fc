"""The agent, over a real database file and real directories."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests import TestCase
from volsched.agent.agent import Agent
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.outbox import Outbox
from volsched.db.records import Messages
from volsched.db.storage import Storage
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import DatabaseUnavailable, StorageError, VolumeNotFound
from volsched.messaging.caster import LocalCaster
from volsched.model.claim import Claim, Placement
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import SCHEDULER_QUEUE, Lease, Outcome, WorkRequest, WorkState
from volsched.plugins import Attempt, StorageBackend
from volsched.testing import an_attempt
from volsched_drivers.backends.directory import DirectoryBackend
from volsched_drivers.backends.marker import NAME as MARKER

MIB = 1024**2
POOL = "host1@disk1#thick"


def utcnow() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class BrokenBackend(DirectoryBackend):
    """A directory backend with a bug."""

    def report(self) -> Mapping[str, Any]:
        raise KeyError("vendor")

    def create_volume(self, attempt: Attempt) -> str:
        super().create_volume(attempt)
        raise ZeroDivisionError("a bug in a vendor's code at /opt/vendor/secret.py")


class WatchedBackend(DirectoryBackend):
    """A directory backend that lets a test act in the middle of a creation."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.meanwhile: Any = lambda: None

    def create_volume(self, attempt: Attempt) -> str:
        self.meanwhile()
        return super().create_volume(attempt)


class AgentTestCase(TestCase):
    def setUp(self) -> None:
        folder = self.folder()
        self.root = folder / "disk1"
        self.database = Database(f"sqlite:///{folder}/volsched.sqlite")
        self.addCleanup(self.database.close)
        self.database.upgrade()
        self.volumes, self.claims, self.work = Volumes(self.database), Claims(self.database), WorkQueue(self.database)
        self.backends, self.outbox = Backends(self.database), Outbox(self.database)
        self.woken = threading.Event()

    def directory(self, kind: type[DirectoryBackend] = DirectoryBackend) -> DirectoryBackend:
        backend = kind(
            path=str(self.root),
            pools=["thick", "thin"],
            thick_pools=["thick"],
            pool_size_gb={"thick": 20.0},
            unit_bytes=MIB,
        )
        backend.start()
        return backend

    def agent(self, backends: Mapping[str, StorageBackend] | None = None, **more: Any) -> Agent:
        settings: dict[str, Any] = {
            "host": "host1",
            "backends": backends if backends is not None else {"disk1": self.directory()},
            "work": self.work,
            "volumes": self.volumes,
            "reports": self.backends,
            "storage": Storage(self.database),
            "events": self.outbox,
            "caster": LocalCaster(self.woken),
            "clock": utcnow,
            "owner": "test",
            "lease_seconds": 30.0,
        }
        return Agent(**{**settings, **more})

    def placed(self, agent: Agent, id: str = "v1", size_gb: int = 4, **more: Any) -> Volume:
        """A volume in `creating` whose room is claimed and whose work waits for the agent."""
        with self.quiet():
            agent.report_all()
        volume = Volume(id=id, project_id="p1", user_id="u1", size_gb=size_gb, status=VolumeStatus.CREATING)
        self.volumes.create(volume)
        self.place(volume, "create", {"host": POOL, "availability_zone": "nova"}, size_gb, id, **more)
        return self.volumes.get(id)

    def place(
        self, volume: Volume, operation: str, changes: Mapping[str, Any], size_gb: float, key: str, **more: Any
    ) -> None:
        payload = {"volume": volume.plain(), "pool_id": POOL, "claim_key": key, **more}
        self.claims.claim(
            Placement(
                claim=Claim(key=key, volume_id=volume.id, pool_id=POOL, size_gb=size_gb, made_at=utcnow()),
                thin=False,
                volume_changes=changes,
                work=(
                    WorkRequest(
                        id=f"work-{operation}-{key}",
                        queue="agent:host1@disk1",
                        operation=operation,
                        volume_id=volume.id,
                        payload=payload,
                    ),
                ),
            )
        )

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """The log of what is expected to fail is read by the tests that are about it."""
        with self.assertLogs("volsched", "DEBUG"):
            import logging

            logging.getLogger("volsched").debug("quiet")
            yield

    def messages(self, volume_id: str = "v1") -> list[str]:
        return [message.text for message in Messages(self.database).of(volume_id, None)]

    def events(self, volume_id: str = "v1") -> list[str]:
        return [event.event_type for event in self.outbox.of(volume_id)]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.root.rglob("*") if path.is_file() and path.name != MARKER)


class TestCreate(AgentTestCase):
    def test_makes_the_volume_and_confirms_its_claim(self) -> None:
        agent = self.agent()
        self.placed(agent)
        self.assertTrue(agent.work_once())
        self.assertFalse(agent.work_once())
        made = self.volumes.get("v1")
        self.assertEqual(VolumeStatus.AVAILABLE, made.status)
        self.assertEqual(str(self.root / "thick" / "volume-v1"), made.provider_location)
        self.assertIsNotNone(made.launched_at)
        claim = self.claims.get("v1")
        assert claim is not None
        self.assertIsNotNone(claim.confirmed_at)
        self.assertEqual(["volume.create.start", "volume.create.end"], self.events())
        agent.report_all()
        pool = self.backends.pool(POOL)
        self.assertEqual((16.0, 0.0), (pool.room_thick_gb, pool.pending_gb))

    def test_after_a_lost_outcome_the_work_is_done_again_without_harm(self) -> None:
        clock = [utcnow()]
        self.database = Database(str(self.database.url), clock=lambda: clock[0])
        self.addCleanup(self.database.close)
        self.volumes, self.claims, self.work = Volumes(self.database), Claims(self.database), WorkQueue(self.database)
        agent = self.agent()
        self.placed(agent)
        taken = self.work.take(agent.queues, "dead", 30.0)
        assert taken is not None
        self.directory().create_volume(an_attempt(self.volumes.get("v1"), "thick"))  # and then the other process died
        self.assertFalse(agent.work_once())
        clock[0] = taken.lease.until
        self.assertTrue(agent.work_once())
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)
        self.assertEqual(["volume-v1"], self.files())

    def test_full_pool_makes_an_error_that_the_user_can_read(self) -> None:
        agent = self.agent()
        self.placed(agent)
        (self.root / "thick" / "stray").write_bytes(b"x" * 18 * MIB)
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            agent.work_once()
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertIsNone(self.claims.get("v1"))
        self.assertEqual(["volume.create.start", "volume.create.error"], self.events())
        self.assertIn("left in the pool", str(self.outbox.of("v1")[1].payload["reason"]))
        (text,) = self.messages()
        self.assertIn("the volume could not be created: its storage reported a problem", text)
        self.assertNotIn(str(self.root), text)
        self.assertEqual(["stray"], self.files())
        self.assertEqual(WorkState.FAILED, self.work.of("v1")[0].state)

    def test_whatever_a_backend_raises_the_volume_does_not_wait_for_ever(self) -> None:
        agent = self.agent({"disk1": self.directory(BrokenBackend)})
        self.agent().report_all()
        with self.quiet():
            self.placed(agent)
            agent.work_once()
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertEqual([], self.files(), "what was made is cleared away")
        self.assertNotIn("secret", self.messages()[0])
        self.assertIn("secret", self.work.of("v1")[0].problem or "")

    def failing(self, attempts: int, most: int) -> None:
        agent = self.agent()
        retry = {"num_attempts": attempts, "backends": [POOL], "hosts": [POOL]}
        self.placed(
            agent,
            request_spec={"volume_id": "v1", "volume_properties": {"size": 4, "availability_zone": None}},
            filter_properties={"retry": retry, "scheduler_hints": {"a": "b"}},
            max_attempts=most,
        )
        shutil.rmtree(self.root)
        with self.assertLogs("volsched", "WARNING"):
            agent.work_once()

    def test_another_attempt_goes_back_to_the_scheduler(self) -> None:
        self.failing(attempts=1, most=3)
        volume = self.volumes.get("v1")
        self.assertEqual((VolumeStatus.CREATING, None, None), (volume.status, volume.host, volume.availability_zone))
        self.assertIsNone(self.claims.get("v1"))
        self.assertEqual([], self.messages())
        again = self.work.take([SCHEDULER_QUEUE], "scheduler", 30.0)
        assert again is not None
        self.assertEqual(("create", "v1"), (again.operation, again.volume_id))
        self.assertEqual({"a": "b"}, again.payload["filter_properties"]["scheduler_hints"])
        retry = again.payload["filter_properties"]["retry"]
        self.assertEqual((1, [POOL]), (retry["num_attempts"], retry["backends"]))
        self.assertIn("vanished", retry["exc"])
        self.assertEqual("p1", again.payload["context"]["project_id"])
        self.assertTrue(self.woken.is_set(), "the scheduler is woken")
        self.assertEqual(["volume.create.start", "volume.create.reschedule"], self.events())

    def test_after_the_last_attempt_it_is_an_error(self) -> None:
        self.failing(attempts=3, most=3)
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertIsNone(self.work.take([SCHEDULER_QUEUE], "scheduler", 30.0))
        self.assertIn("left_behind", self.outbox.of("v1")[1].payload)

    def test_work_that_is_not_wanted_any_more_is_left_undone(self) -> None:
        agent = self.agent()
        for number, changes in enumerate(
            ({"status": VolumeStatus.ERROR}, {"host": "host1@disk1#thin"}, {"status": VolumeStatus.DELETING}, None)
        ):
            with self.subTest(changes=changes):
                self.placed(agent, f"v{number}", 1)
                if changes is None:
                    self.volumes.remove(f"v{number}")
                else:
                    self.volumes.update(f"v{number}", changes)
                self.assertTrue(agent.work_once())
                self.assertEqual([], self.files())
                self.assertEqual(WorkState.DONE, self.work.of(f"v{number}")[0].state)

    def test_unknown_operation_ends_in_an_error(self) -> None:
        agent = self.agent()
        with self.quiet():
            agent.report_all()
        volume = Volume(id="v1", project_id="p1", user_id="u1", size_gb=4, status=VolumeStatus.RETYPING)
        self.volumes.create(volume)
        self.place(volume, "teleport", {"host": POOL}, 4, "v1")
        agent.work_once()
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v1").status)
        self.assertIn("expected an operation of this agent, got 'teleport'", self.work.of("v1")[0].problem or "")

    def test_pool_of_another_backend_is_refused(self) -> None:
        agent = self.agent()
        volume = self.placed(agent, size_gb=1)
        self.work.take(agent.queues, "someone", 30.0)
        payload = {"volume": volume.plain(), "pool_id": "host1@other#thick", "claim_key": "v2"}
        self.volumes.create(replace(volume, id="v2", host="host1@other#thick"))
        self.work.add(
            WorkRequest(id="w", queue="agent:host1@disk1", operation="create", volume_id="v2", payload=payload)
        )
        with self.assertLogs("volsched.agent.operations", "WARNING"):
            agent.work_once()
        self.assertEqual(VolumeStatus.ERROR, self.volumes.get("v2").status)
        self.assertIn("expected a pool of host1@disk1", self.work.of("v2")[0].problem or "")


class TestLease(AgentTestCase):
    def test_lost_lease_touches_nothing(self) -> None:
        backend = self.directory(WatchedBackend)
        assert isinstance(backend, WatchedBackend)
        clock = [utcnow()]
        self.database = Database(str(self.database.url), clock=lambda: clock[0])
        self.addCleanup(self.database.close)
        self.volumes, self.claims, self.work = Volumes(self.database), Claims(self.database), WorkQueue(self.database)
        agent = self.agent({"disk1": backend})
        before = self.placed(agent)

        def pass_the_lease() -> None:
            clock[0] = clock[0].replace(year=clock[0].year + 1)
            self.assertIsNotNone(self.work.take(agent.queues, "another", 30.0))

        backend.meanwhile = pass_the_lease
        with self.assertLogs("volsched.agent.agent", "WARNING") as seen:
            self.assertTrue(agent.work_once())
        self.assertIn("the process that took it over ends it", seen.output[0])
        self.assertEqual(before, self.volumes.get("v1"))
        claim = self.claims.get("v1")
        assert claim is not None
        self.assertIsNone(claim.confirmed_at)
        self.assertEqual(WorkState.RUNNING, self.work.of("v1")[0].state)

    def test_failed_attempt_that_lost_its_lease_removes_nothing(self) -> None:
        backend = self.directory(WatchedBackend)
        assert isinstance(backend, WatchedBackend)
        agent, other = self.agent({"disk1": backend}), self.agent(owner="other")
        self.placed(agent)
        path = self.root / "thick" / "volume-v1"

        def the_other_makes_it() -> None:
            self.work.expire("test")
            self.assertTrue(other.work_once())
            path.write_bytes(b"written by its user")
            raise StorageError("disk1", "there is no room left")

        backend.meanwhile = the_other_makes_it
        with self.assertLogs("volsched.agent", "WARNING") as seen:
            self.assertTrue(agent.work_once())
        self.assertIn("the process that took it over ends it", seen.output[-1])
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)
        self.assertEqual(b"written by its user", path.read_bytes())

    def test_database_that_is_away_for_a_moment_loses_no_outcome(self) -> None:
        class Flaky(WorkQueue):
            away = 2

            def finish(self, lease: Lease, outcome: Outcome) -> None:
                if self.away:
                    self.away -= 1
                    raise DatabaseUnavailable("the database is locked")
                super().finish(lease, outcome)

        agent = self.agent(work=Flaky(self.database), lease_seconds=1.0)
        self.placed(agent)
        with self.assertLogs("volsched.agent.agent", "WARNING") as seen:
            agent.work_once()
        self.assertEqual(2, len(seen.records))
        self.assertEqual(VolumeStatus.AVAILABLE, self.volumes.get("v1").status)


class TestExtendAndDelete(AgentTestCase):
    def made(self, agent: Agent) -> Volume:
        self.placed(agent)
        agent.work_once()
        return self.volumes.get("v1")

    def test_extend(self) -> None:
        agent = self.agent()
        volume = self.made(agent)
        self.place(volume, "extend", {"status": VolumeStatus.EXTENDING}, 3, "v1/extend-7", new_size_gb=7)
        agent.work_once()
        volume = self.volumes.get("v1")
        self.assertEqual((VolumeStatus.AVAILABLE, 7), (volume.status, volume.size_gb))
        self.assertEqual(7 * MIB, (self.root / "thick" / "volume-v1").stat().st_size)
        self.assertEqual(7.0, sum(claim.size_gb for claim in self.claims.of("v1")))
        self.assertTrue(all(claim.confirmed_at for claim in self.claims.of("v1")))

    def test_failed_extend_gives_the_growth_back(self) -> None:
        agent = self.agent()
        volume = self.made(agent)
        self.place(volume, "extend", {"status": VolumeStatus.EXTENDING}, 3, "v1/extend-7", new_size_gb=7)
        (self.root / "thick" / "volume-v1").unlink()
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            agent.work_once()
        volume = self.volumes.get("v1")
        self.assertEqual((VolumeStatus.ERROR_EXTENDING, 4), (volume.status, volume.size_gb))
        self.assertEqual(["v1"], [claim.key for claim in self.claims.of("v1")])
        self.assertEqual(1, len(self.messages()))

    def test_volume_that_was_cut_is_not_extended_and_ends_in_error(self) -> None:
        agent = self.agent()
        volume = self.made(agent)
        self.place(volume, "extend", {"status": VolumeStatus.EXTENDING}, 3, "v1/extend-7", new_size_gb=7)
        (self.root / "thick" / "volume-v1").write_bytes(b"x" * 5)
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            agent.work_once()
        volume = self.volumes.get("v1")
        self.assertEqual((VolumeStatus.ERROR, 4), (volume.status, volume.size_gb))
        self.assertEqual(["v1"], [claim.key for claim in self.claims.of("v1")])
        self.assertIn(f"its storage holds 5 bytes of it instead of {4 * MIB}", self.messages()[0])
        self.assertIn("volume-v1: expected at least", self.work.of("v1")[-1].problem or "")
        self.assertEqual(5, (self.root / "thick" / "volume-v1").stat().st_size)

    def delete(self, agent: Agent) -> None:
        volume = self.made(agent)
        self.volumes.update("v1", {"status": VolumeStatus.DELETING})
        payload = {"volume": volume.plain(), "pool_id": POOL, "claim_key": "v1"}
        self.work.add(
            WorkRequest(id="w-delete", queue="agent:host1@disk1", operation="delete", volume_id="v1", payload=payload)
        )

    def test_delete_removes_file_row_and_claims(self) -> None:
        agent = self.agent()
        self.delete(agent)
        agent.work_once()
        self.assertRaises(VolumeNotFound, self.volumes.get, "v1")
        self.assertEqual([], self.files())
        self.assertEqual([], list(self.claims.of("v1")))
        self.assertEqual("volume.delete.end", self.events()[-1])

    def test_failed_delete_keeps_the_room(self) -> None:
        agent = self.agent()
        self.delete(agent)
        self.root.rename(self.root.with_name("unplugged"))
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            agent.work_once()
        self.assertEqual(VolumeStatus.ERROR_DELETING, self.volumes.get("v1").status)
        self.assertEqual(["v1"], [claim.key for claim in self.claims.of("v1")])


class TestManage(AgentTestCase):
    def managing(self, agent: Agent, ref: object) -> None:
        agent.report_all()
        volume = Volume(id="v1", project_id="p1", user_id="u1", size_gb=0, status=VolumeStatus.MANAGING)
        self.volumes.create(volume)
        self.place(volume, "manage", {"host": POOL}, 0, "v1", ref=ref)

    def test_takes_over_an_existing_file(self) -> None:
        agent = self.agent()
        agent.report_all()
        (self.root / "thick" / "old").write_bytes(b"x" * (2 * MIB + 1))
        self.managing(agent, {"source-name": "old"})
        agent.work_once()
        volume = self.volumes.get("v1")
        self.assertEqual((VolumeStatus.AVAILABLE, 3), (volume.status, volume.size_gb))
        self.assertEqual(["volume-v1"], self.files())

    def test_bad_reference_leaves_no_row(self) -> None:
        for ref in ({"source-name": "../../secret"}, {"source-name": "missing"}, None, 5):
            with self.subTest(ref=ref):
                self.setUp()
                agent = self.agent()
                self.managing(agent, ref)
                with self.assertLogs("volsched.agent.operations", "ERROR"):
                    agent.work_once()
                self.assertRaises(VolumeNotFound, self.volumes.get, "v1")
                self.assertEqual([], list(self.claims.of("v1")))
                self.assertIn("nothing was taken under management: ", self.messages()[0])

    def test_storage_in_trouble_is_an_error_of_the_volume(self) -> None:
        agent = self.agent()
        self.managing(agent, {"source-name": "old"})
        shutil.rmtree(self.root)
        with self.assertLogs("volsched.agent.operations", "ERROR"):
            agent.work_once()
        self.assertEqual(VolumeStatus.ERROR_MANAGING, self.volumes.get("v1").status)


class TestBackendErrors(TestCase):
    def test_storage_error_names_path_and_mend(self) -> None:
        path = Path(self.folder()) / "file"
        path.touch()
        backend = DirectoryBackend(path=str(path), pools=["p"])
        with self.assertRaisesRegex(
            StorageError, "(?s)making volume-v1 in .*/p: Not a directory; there must be a folder"
        ):
            backend.identify({})
            backend.create_volume(
                an_attempt(Volume(id="v1", project_id="p", user_id="u", size_gb=1, status=VolumeStatus.CREATING), "p")
            )
