"""Broker and database server killed and restarted during requests in all stages: nothing is lost."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import ExitStack
from multiprocessing.process import BaseProcess

import sqlalchemy as sa

from tests import TestCase, servers
from tests.functional.fleet import Fleet
from tests.functional.matrix import MORE, Matrix
from tests.functional.program import PATIENCE_SECONDS
from tests.mortal import MortalServer
from volsched.db.schema import work
from volsched.exceptions import DatabaseUnavailable

#: So many requests wait at most while more are asked.
MOST_WAITING = 8
KILLS = 3


class Killed(TestCase):
    """Two schedulers and an agent."""

    def setUp(self) -> None:
        super().setUp()
        self.stack_ = self.enterContext(ExitStack())

    def begin(self, url: str, bus: str = "") -> None:
        folder = self.folder()
        self.fleet = self.stack_.enter_context(Fleet(folder, url, MORE.format(folder=folder)))
        self.matrix = Matrix(self.fleet, bus)
        self.stack_.callback(self.matrix.close)
        self.agent = self.fleet.start("agent", self.matrix.file)
        self.fleet.until(self.matrix.application.backends.reports)
        self.schedulers = [self.fleet.start("scheduler", self.matrix.file) for _ in range(2)]

    def queued(self) -> Counter[str]:
        """Whom requests wait for."""
        statement = sa.select(work.c.queue).where(work.c.finished_at.is_(None))
        queues = self.fleet.database.read(lambda connection: connection.execute(statement).scalars().all())
        return Counter(queue.partition(":")[0] for queue in queues)

    def load(self) -> None:
        """Ask for everything, again and again, until requests wait for schedulers and for the agent at once."""
        kinds = itertools.cycle(("create", "manage", "create, refused", "manage, reverted"))

        def step() -> bool:
            queued = self.queued()
            if sum(queued.values()) < MOST_WAITING:
                self.matrix.ask(next(kinds))
            return queued.keys() == {"scheduler", "agent"}

        self.fleet.until(step)

    def command(self, name: str, *arguments: str) -> tuple[BaseProcess, str]:
        """A command that ends by itself, and what it says."""
        process = self.started(name, *arguments)
        return process, self.said(process, name)

    def started(self, name: str, *arguments: str) -> BaseProcess:
        file = self.fleet.folder / f"{name}.conf"
        file.write_text(self.matrix.file.read_text())
        return self.fleet.start("command", file, "volume", *arguments)

    def said(self, process: BaseProcess, name: str) -> str:
        process.join(PATIENCE_SECONDS)
        return self.fleet.log("command", self.fleet.folder / f"{name}.conf").read_text()

    def end(self) -> None:
        """All that was asked has ended well, and nobody who serves has died of it."""
        self.fleet.until(self.matrix.ended)
        self.assertEqual([], self.matrix.problems())
        self.assertEqual([True] * 3, [process.is_alive() for process in (self.agent, *self.schedulers)])


class TestBrokerKilled(Killed):
    def test_requests_end_without_it_and_after_it_came_back(self) -> None:
        broker = self.stack_.enter_context(MortalServer("rabbitmq"))
        url = self.stack_.enter_context(servers.require("postgresql").database())
        self.begin(url, broker.url)
        self.load()
        broker.kill()
        process, said = self.command("c", "create", "--size", "1", "--name", "api, create: meanwhile")
        self.assertEqual(0, process.exitcode, said)
        self.load()
        self.end()
        broker.start()
        self.load()
        self.end()


class DatabaseKilled(Killed):
    kind: str
    server: MortalServer

    def test_requests_end_after_it_came_back(self) -> None:
        self.server = self.stack_.enter_context(MortalServer(self.kind))
        self.begin(self.server.database(), "fake://")  # so that commands leave the work to services
        self.refused_meanwhile()
        self.again_and_again_under_load()

    def refused_meanwhile(self) -> None:
        """Who asks while it is away is told so; who waits, that the request is kept."""
        self.agent.terminate()
        self.agent.join()
        for kind in ("create", "manage"):
            self.matrix.ask(kind)
        waiting = self.started("waiting", "create", "--size", "1", "--name", "api, create: waits")
        self.fleet.until(lambda: self.queued() == {"agent": 3})
        self.server.kill()
        said = self.said(waiting, "waiting")
        self.assertEqual(1, waiting.exitcode, said)
        self.assertRegex(said, "the request is stored: .* volsched volume show .* does not answer")
        for name, arguments in {
            "create": ("create", "--size", "1", "--name", "refused"),
            "manage": ("manage", "node@disk#thick", "x.img", "--name", "refused"),
            "list": ("list",),
        }.items():
            process, told = self.command(name, *arguments)
            self.assertEqual(1, process.exitcode, told)
            self.assertIn("is the server up?", told)
            said += told
        self.assertNotIn("Traceback", said)
        self.server.start()
        self.agent = self.fleet.start("agent", self.matrix.file)
        self.end()

    def again_and_again_under_load(self) -> None:
        """Whoever serves holds work in every stage, and is in the middle of it."""
        for _ in range(KILLS):
            self.load()
            self.server.kill()
            with self.assertRaises(DatabaseUnavailable):
                self.matrix.ask("create")
            self.server.start()
        self.end()


class TestPostgreSQLKilled(DatabaseKilled):
    kind = "postgresql"


class TestMariaDBKilled(DatabaseKilled):
    kind = "mariadb"


del Killed, DatabaseKilled
