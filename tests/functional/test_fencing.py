"""A process that sleeps beyond its lease: another does its work, and when it wakes up it changes nothing any more."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from multiprocessing.process import BaseProcess

from tests import TestCase, servers
from tests.functional import books
from tests.functional.fleet import UNIT, Fleet, is_stopped
from tests.functional.moments import MOMENTS, Moment
from volsched.db.outbox import Outbox
from volsched.db.records import Decisions, Messages
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.model.volume import Volume


def moment(asked: str, process: str, words: str) -> Moment:
    return next(one for one in MOMENTS[asked] if (one.process, one.words) == (process, words))


class TestFencing(TestCase):
    """On a server: of SQLite's one lock for all a sleeper may be the holder, and nobody can work until it wakes up."""

    def setUp(self) -> None:
        super().setUp()
        stack = self.enterContext(ExitStack())
        self.fleet = stack.enter_context(
            Fleet(self.folder(), stack.enter_context(servers.require("postgresql").database()))
        )
        self.small = self.fleet.host("small", "thick:100", thick="thick")

    def asleep(self, program: str, at: Moment, size: int) -> BaseProcess:
        """A process that took the request for a volume of this size, and stopped at this moment."""
        process = self.fleet.start(program, self.small, dies_at=at, sign=signal.SIGSTOP)
        create = self.fleet.start(
            "command", self.small, "volume", "create", "--size", str(size), "--name", "it", "--no-wait"
        )
        create.join()
        self.assertEqual(0, create.exitcode, self.fleet.log("command", self.small).read_text())
        if program == "agent":
            self.fleet.start("scheduler", self.small)
        self.fleet.until(lambda: is_stopped(process))
        return process

    def it(self) -> Volume:
        return Volumes(self.fleet.database).find("it", None)

    def wakes(self, program: str, process: BaseProcess) -> None:
        """It goes on, and has seen that it must not."""
        assert process.pid is not None
        self.fleet.until(lambda: self.it().status.value == "available")
        before = self.it()
        os.kill(process.pid, signal.SIGCONT)
        log = self.fleet.log(program, self.small)
        self.fleet.until(lambda: "the agent that took it over ends it" in log.read_text())
        self.assertEqual(before, self.it())
        self.assertEqual([], books.problems(self.fleet.database, self.fleet.disks, UNIT))
        attempts = {work.queue.partition(":")[0]: work.attempt for work in WorkQueue(self.fleet.database).of(before.id)}
        self.assertEqual({"scheduler": 1, "agent": 1, program: 2}, attempts)
        self.assertEqual(["placed"], [one.outcome for one in Decisions(self.fleet.database).of(before.id)])
        self.assertEqual(0, len(Messages(self.fleet.database).of(before.id, None)))
        told = [event.event_type for event in Outbox(self.fleet.database).of(before.id)]
        ends = [one for one in told if not one.endswith(".start")]
        self.assertEqual(sorted(set(ends)), sorted(ends), "each was told once")
        self.assertIn("volume.create.end", ends)
        self.assertNotIn("scheduler.create_volume", ends)

    def test_a_scheduler_that_chose_a_pool(self) -> None:
        sleeper = self.asleep("scheduler", moment("create", "scheduler", "a pool is selected"), 3)
        self.fleet.start("agent", self.small)
        self.fleet.start("scheduler", self.small)
        self.wakes("scheduler", sleeper)

    def test_a_scheduler_that_found_no_pool(self) -> None:
        sleeper = self.asleep("scheduler", moment("create, refused", "scheduler", "no pool fits"), 300)
        self.fleet.start("agent", self.fleet.host("large", "thick:400", thick="thick"))
        self.fleet.until(lambda: list((self.fleet.disks / "large").glob("*")))
        self.fleet.start("scheduler", self.small)
        self.wakes("scheduler", sleeper)

    def test_an_agent_that_made_the_volume(self) -> None:
        sleeper = self.asleep("agent", moment("create", "agent", "the storage operation ends"), 3)
        self.fleet.start("agent", self.small)
        self.wakes("agent", sleeper)
