"""An agent killed at any moment: the next one completes its work without partial, duplicate, or lost volumes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from tests import TestCase
from volsched.agent.agent import Agent
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.leases import this_owner
from volsched.db.outbox import Outbox
from volsched.db.storage import Storage
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.messaging.caster import LocalCaster
from volsched.model.claim import Claim, Placement
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkRequest
from volsched.scheduler.recovery import release_the_dead
from volsched_drivers.backends.directory import DirectoryBackend
from volsched_drivers.backends.marker import NAME as MARKER

MIB = 1024**2
POOL = "host1@disk1#thick"
COUNT = 24
SIZE = 2

#: Where the agent is killed: before its third call of this function. Between them lie all steps of one creation.
MOMENTS = (
    "volsched.db.outbox.Outbox.emit",  # the work is taken
    "os.posix_fallocate",  # there is an empty part
    "os.fsync",  # the part has its blocks
    "os.link",  # and they are on the disk
    "os.unlink",  # the volume is there, and the part too
    "volsched.db.work.WorkQueue.finish",  # the volume is there, and nobody was told
)

PROGRAM = """
import os, signal, sys
from pkgutil import resolve_name
from tests.functional.test_agent_killed import an_agent

holder, name = resolve_name(sys.argv[2].rpartition(".")[0]), sys.argv[2].rpartition(".")[2]
real, calls = getattr(holder, name), []

def deadly(*args, **named):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **named)

agent = an_agent(sys.argv[1])
setattr(holder, name, deadly)
while agent.work_once():
    pass
"""


def utcnow() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def an_agent(folder: str) -> Agent:
    """The agent of this process, over the database and the directories in `folder`."""
    database = Database(f"sqlite:///{folder}/volsched.sqlite")
    backend = DirectoryBackend(
        path=f"{folder}/disk1",
        pools=["thick"],
        thick_pools=["thick"],
        pool_size_gb={"thick": float(COUNT * SIZE)},
        unit_bytes=MIB,
    )
    backend.start()
    return Agent(
        host="host1",
        backends={"disk1": backend},
        work=WorkQueue(database),
        volumes=Volumes(database),
        storage=Storage(database),
        reports=Backends(database),
        events=Outbox(database),
        caster=LocalCaster(threading.Event()),
        clock=utcnow,
        owner=this_owner(),
        lease_seconds=3600.0,  # far longer than the test: what a dead process held is freed because it is dead
    )


class TestAgentKilled(TestCase):
    def setUp(self) -> None:
        self.home = self.folder()
        self.database = Database(f"sqlite:///{self.home}/volsched.sqlite")
        self.addCleanup(self.database.close)
        self.database.upgrade()
        self.volumes, self.claims = Volumes(self.database), Claims(self.database)
        self.work, self.outbox = WorkQueue(self.database), Outbox(self.database)

    def queue(self, agent: Agent) -> list[str]:
        agent.report_all()
        ids = [f"v{number}" for number in range(COUNT)]
        for id in ids:
            volume = Volume(id=id, project_id="p1", user_id="u1", size_gb=SIZE, status=VolumeStatus.CREATING)
            self.volumes.create(volume)
            work = WorkRequest(
                id=f"work-{id}",
                queue=agent.queues[0],
                operation="create",
                volume_id=id,
                payload={"volume": volume.plain(), "pool_id": POOL, "claim_key": id},
            )
            claim = Claim(key=id, volume_id=id, pool_id=POOL, size_gb=SIZE, made_at=utcnow())
            self.claims.claim(Placement(claim=claim, thin=False, volume_changes={"host": POOL}, work=(work,)))
        return ids

    def test_every_volume_is_whole_and_there_once(self) -> None:
        agent = an_agent(str(self.home))
        ids = self.queue(agent)
        for number, moment in enumerate(MOMENTS, start=1):
            with self.subTest(moment=moment):
                killed = subprocess.run([sys.executable, "-c", PROGRAM, str(self.home), moment], check=False)
                self.assertEqual(-signal.SIGKILL, killed.returncode)
                self.assertEqual(number, len(self.work.owners()), "each left one piece of work behind")
                for volume in self.volumes.list():
                    if volume.status is VolumeStatus.AVAILABLE:
                        self.assertWhole(volume)
        with self.assertLogs("volsched.scheduler.recovery", "WARNING"):
            self.assertEqual(len(MOMENTS), release_the_dead(self.work))
        while agent.work_once():
            pass
        for id in ids:
            volume = self.volumes.get(id)
            self.assertEqual(VolumeStatus.AVAILABLE, volume.status)
            self.assertWhole(volume)
            claim = self.claims.get(id)
            assert claim is not None
            self.assertIsNotNone(claim.confirmed_at)
            ends = [event for event in self.outbox.of(id) if event.event_type == "volume.create.end"]
            self.assertEqual(1, len(ends), "told once, however often it was tried")
        agent.report_all()
        files = sorted(path.name for path in (self.home / "disk1" / "thick").iterdir())
        self.assertEqual([MARKER, *sorted(f"volume-{id}" for id in ids)], files)
        pool = Backends(self.database).pool(POOL)
        self.assertEqual((0.0, 0.0), (pool.room_thick_gb, pool.pending_gb))

    def assertWhole(self, volume: Volume) -> None:  # noqa: N802 - one of unittest's assertions
        facts = Path(volume.provider_location or "").stat()
        self.assertEqual(SIZE * MIB, facts.st_size)
        self.assertGreaterEqual(facts.st_blocks * 512, SIZE * MIB)
