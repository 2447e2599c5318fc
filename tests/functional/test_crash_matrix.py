"""The crash matrix, distributed: a process is killed at each moment, and another one completes the request."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

from tests import TestCase, servers
from tests.functional.fleet import Fleet
from tests.functional.matrix import ENDS, MORE, Ended, Matrix
from tests.functional.moments import MOMENTS, Death, Moment
from tests.functional.program import PATIENCE_SECONDS

LEASE_SECONDS = 2.0
#: Where time is too short for all of them: where a step has left something behind that the next must find.
FEW = (
    "the row and its work item are written",
    "the capacity is claimed",
    "the storage operation ends",
    "a notifier has the event",
)


class MatrixContract(TestCase):
    """Only its kinds, which say on which database and bus, are of use."""

    kind: str
    bus = False
    words: tuple[str, ...] = ()  # of the moments; none, or CRASH_MOMENTS=all in the environment: all

    def setUp(self) -> None:
        super().setUp()
        self.count_ = 0
        self.stack_ = self.enterContext(ExitStack())
        folder = self.folder()
        self.fleet = self.stack_.enter_context(Fleet(folder, self.url(folder), MORE.format(folder=folder)))
        self.matrix = Matrix(self.fleet, servers.require("rabbitmq").url if self.bus else "")
        self.addCleanup(self.matrix.close)

    def url(self, folder: Path) -> str:
        if self.kind == "sqlite":
            return f"sqlite:///{folder}/volsched.db"
        return self.stack_.enter_context(servers.require(self.kind).database())

    def deaths(self, host: str, *processes: str) -> list[Death]:
        words = () if os.environ.get("CRASH_MOMENTS") == "all" else self.words
        chosen = [
            (asked, moment)
            for asked in ENDS
            for moment in MOMENTS[asked]
            if moment.process in processes and (not words or moment.words in words)
        ]
        return [self.death(asked, moment, host) for asked, moment in chosen]

    def death(self, asked: str, moment: Moment, host: str) -> Death:
        self.count_ += 1
        host = f"{host}-{self.count_}" if host else ""
        return Death(asked=asked, moment=moment, host=host, note=self.fleet.folder / f"death-{self.count_}.json")

    def start(self, program: str) -> float:
        """When it was."""
        self.fleet.start(program, self.matrix.file)
        return time.time()

    def agent(self) -> None:
        self.start("agent")
        self.fleet.until(lambda: self.matrix.application.backends.reports())

    def check(self, took: list[Ended]) -> None:
        self.assertEqual([], self.matrix.problems())
        self.report(took)
        late = [ended for ended in took if ended.seconds > LEASE_SECONDS + PATIENCE_SECONDS / 4]
        self.assertEqual([], [(ended.death.words, ended.seconds) for ended in late])

    def report(self, took: list[Ended]) -> None:
        """For the table in the documentation: CRASH_TIMES names the file that it is written to."""
        file = os.environ.get("CRASH_TIMES")
        if file:
            rows = [(ended.death.asked, ended.death.words, round(ended.seconds, 1)) for ended in took]
            with Path(file).open("a") as lines:
                lines.writelines(json.dumps([type(self).__name__, *row]) + "\n" for row in rows)


class TakenOver(MatrixContract):
    """Those that die are each on a host of its own: nobody can know it before their leases end."""

    def test_others_that_live_end_what_was_asked(self) -> None:
        self.agent()
        self.start("scheduler")
        self.matrix.kill(self.deaths("far", "api", "scheduler", "agent", "delivery"))
        self.fleet.until(self.matrix.ended)
        self.check(self.matrix.times())


class StartedAgain(MatrixContract):
    """Nobody is left; then one of each kind is started on the same host, and finds what the dead held."""

    def test_the_next_ones_end_what_was_asked(self) -> None:
        self.agent()
        self.matrix.kill(self.deaths("", "api", "scheduler", "delivery"))
        again = {"api": self.start("scheduler")}
        again |= dict.fromkeys(("scheduler", "delivery"), again["api"])
        self.fleet.until(self.matrix.ended)
        agent = self.fleet.processes[0]
        agent.kill()
        agent.join()
        self.matrix.kill(self.deaths("", "agent"))
        again["agent"] = self.start("agent")
        self.fleet.until(self.matrix.ended)
        self.check(self.matrix.times(lambda death: again[death.moment.process]))


class TestTakenOverOnPostgreSQL(TakenOver):
    kind, bus = "postgresql", True


class TestTakenOverOnMariaDB(TakenOver):
    kind, words = "mariadb", FEW


class TestStartedAgainOnPostgreSQL(StartedAgain):
    kind, words = "postgresql", FEW


class TestStartedAgainOnSQLite(StartedAgain):
    kind, words = "sqlite", FEW


del MatrixContract, TakenOver, StartedAgain
