"""The broker and the database server, killed with requests in all stages and started again: nothing is lost."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess

import sqlalchemy as sa

from tests import TestCase, servers
from tests.functional.fleet import Fleet
from tests.functional.matrix import MORE, Matrix
from tests.functional.program import PATIENCE_SECONDS
from tests.mortal import MortalServer
from volsched.db.schema import volumes, work
from volsched.exceptions import DatabaseUnavailable

#: So many requests wait at most while more are asked.
MOST_WAITING = 8
KILLS = 3


class Killed(TestCase):
    """Two schedulers, an agent, and a customer."""

    def setUp(self) -> None:
        super().setUp()
        self.stack_ = self.enterContext(ExitStack())
        self.in_all_stages_ = threading.Event()
        self.unknown_: list[str] = []  # the kinds of requests of which nobody knows whether they are kept

    def begin(self, url: str, more: str = "") -> None:
        folder = self.folder()
        self.fleet = self.stack_.enter_context(Fleet(folder, url, MORE.format(folder=folder) + more))
        self.matrix = Matrix(self.fleet)
        self.stack_.callback(self.matrix.close)
        self.agent = self.fleet.start("agent", self.matrix.file)
        self.fleet.until(self.matrix.application.backends.reports)
        self.schedulers = [self.fleet.start("scheduler", self.matrix.file) for _ in range(2)]

    def queued(self) -> Counter[str]:
        """Whom requests wait for."""
        statement = sa.select(work.c.queue).where(work.c.finished_at.is_(None))
        queues = self.fleet.database.read(lambda connection: connection.execute(statement).scalars().all())
        return Counter(queue.partition(":")[0] for queue in queues)

    @contextmanager
    def customer(self) -> Iterator[None]:
        """Asks for everything, again and again, until the end of the block."""
        done = threading.Event()

        def ask() -> None:
            for kind in itertools.cycle(("create", "manage", "create, refused", "manage, reverted")):
                if done.wait(0.02):
                    return
                try:
                    if sum(self.queued().values()) < MOST_WAITING:
                        self.matrix.ask(kind)
                        if self.queued().keys() == {"scheduler", "agent"}:
                            self.in_all_stages_.set()
                except DatabaseUnavailable:
                    self.unknown_.append(kind)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def until_in_all_stages(self) -> None:
        """Requests wait for schedulers, and for the agent, right now."""
        self.in_all_stages_.clear()
        self.assertTrue(self.in_all_stages_.wait(PATIENCE_SECONDS))

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
        self.begin(url, f"\n[messaging]\ntransport_url = {broker.url}\n")
        with self.customer():
            self.until_in_all_stages()
            broker.kill()
            process, said = self.command("c", "create", "--size", "1", "--name", "api, create: meanwhile")
            self.assertEqual(0, process.exitcode, said)
        self.end()
        broker.start()
        with self.customer():
            self.until_in_all_stages()
        self.end()
        self.assertEqual([], self.unknown_)


class DatabaseKilled(Killed):
    kind: str
    server: MortalServer

    def test_requests_end_after_it_came_back(self) -> None:
        self.server = self.stack_.enter_context(MortalServer(self.kind))
        self.begin(self.server.database())
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
        self.assertRegex(said, "the request is kept: .* volsched volume show .* does not answer")
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
        """Who is told that the server is away does not know whether the request is kept; if it is, then whole."""
        with self.customer():
            for _ in range(KILLS):
                self.until_in_all_stages()
                self.server.kill()
                before = len(self.unknown_)
                self.fleet.until(lambda before=before: len(self.unknown_) > before)
                self.server.start()
        self.fleet.until(self.matrix.ended)
        statement = sa.select(volumes.c.id, volumes.c.name)
        for row in self.fleet.database.read(lambda connection: connection.execute(statement).all()):
            self.matrix.asked.setdefault(row.id, row.name.rpartition(" ")[0])
        self.end()


class TestPostgreSQLKilled(DatabaseKilled):
    kind = "postgresql"


class TestMariaDBKilled(DatabaseKilled):
    kind = "mariadb"


del Killed, DatabaseKilled
