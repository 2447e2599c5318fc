"""A process that is paused beyond its lease: another process does its work, and it changes nothing afterwards."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

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


class FencingTestCase(TestCase):
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


class TestFencing(FencingTestCase):
    def wakes(self, program: str, process: BaseProcess) -> None:
        """It goes on, and has seen that it must not."""
        assert process.pid is not None
        self.fleet.until(lambda: self.it().status.value == "available")
        before = self.it()
        os.kill(process.pid, signal.SIGCONT)
        log = self.fleet.log(program, self.small)
        self.fleet.until(lambda: "the process that took it over ends it" in log.read_text())
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


#: The agent has just asked for its lease, and is about to publish the file of a volume.
PUBLISHES = Moment(process="agent", words="it is about to publish", after="volsched.db.work.WorkQueue.renew")
#: The same, about to remove one.
REMOVES = Moment(
    process="agent", words="it is about to remove", before="volsched_drivers.backends.attempt_files.exchange"
)


class TestStorage(FencingTestCase):
    """A process that sleeps between asking for its lease and the next system call."""

    def command(self, *words: str) -> None:
        done = self.fleet.start("command", self.small, *words)
        done.join()
        self.assertEqual(0, done.exitcode, self.fleet.log("command", self.small).read_text())

    def woken(self, sleeper: BaseProcess) -> None:
        """It goes on, and sees that it must not. Any other agent has ended its work."""
        assert sleeper.pid is not None
        os.kill(sleeper.pid, signal.SIGCONT)
        log = self.fleet.log("agent", self.small)
        self.fleet.until(lambda: "the process that took it over ends it" in log.read_text())

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.fleet.disks)) for path in self.fleet.disks.rglob("volume-*"))

    def test_an_agent_that_was_about_to_publish_replaces_nothing(self) -> None:
        sleeper = self.asleep("agent", PUBLISHES, 3)
        self.fleet.start("agent", self.small)
        self.fleet.until(lambda: self.it().status.value == "available")
        path = Path(str(self.it().provider_location))
        path.write_bytes(b"written by its user".ljust(3 * UNIT))
        self.woken(sleeper)
        self.assertTrue(path.read_bytes().startswith(b"written by its user"))
        self.assertEqual([], books.problems(self.fleet.database, self.fleet.disks, UNIT))

    def test_an_agent_that_was_about_to_publish_does_not_make_a_deleted_volume_again(self) -> None:
        sleeper = self.asleep("agent", PUBLISHES, 3)
        self.fleet.start("agent", self.small)
        self.fleet.until(lambda: self.it().status.value == "available")
        self.command("volume", "delete", "it")
        self.fleet.until(lambda: not Volumes(self.fleet.database).list())
        self.woken(sleeper)
        self.assertEqual([], self.files())

    def test_an_agent_that_was_about_to_clear_a_move_leaves_what_was_moved_back(self) -> None:
        two = self.fleet.host("small", "one:100, two:100", thick="one, two")
        sleeper = self.fleet.start("agent", two, dies_at=REMOVES, sign=signal.SIGSTOP)
        self.fleet.start("scheduler", two)
        self.command("volume", "create", "--size", "3", "--name", "it")
        home = str(self.it().host)
        away = home.replace("#one", "#two") if home.endswith("#one") else home.replace("#two", "#one")
        self.command("volume", "migrate", "it", away, "--no-wait")
        self.fleet.until(lambda: is_stopped(sleeper))
        self.fleet.start("agent", two)
        self.fleet.until(lambda: self.it().status.value == "available")
        self.assertEqual(away, self.it().host)
        self.command("volume", "migrate", "it", home)
        self.fleet.until(lambda: self.it().status.value == "available")
        path = Path(str(self.it().provider_location))
        path.write_bytes(b"the only copy".ljust(3 * UNIT))
        self.woken(sleeper)
        self.assertTrue(path.read_bytes().startswith(b"the only copy"))
        self.assertEqual([], books.problems(self.fleet.database, self.fleet.disks, UNIT))
