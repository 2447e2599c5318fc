"""Many clients, schedulers and agents as processes of their own, on pools with room for half of what is asked."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests import TestCase, servers
from tests.functional import books, hammering
from tests.functional.fleet import UNIT, Fleet

SCHEDULERS = 4
CLIENTS = 4
#: So many requests in all; HAMMER_REQUESTS in the environment says otherwise, for any database.
REQUESTS = {"postgresql": 80, "mariadb": 60, "sqlite": 40}


class HammerContract(TestCase):
    """Only its kinds, which say on which database, are of use."""

    kind: str

    def url(self, stack: ExitStack) -> str:
        return stack.enter_context(servers.require(self.kind).database())

    def test_no_pool_is_ever_overfull_and_no_request_is_lost(self) -> None:
        count = int(os.environ.get("HAMMER_REQUESTS", REQUESTS[self.kind])) // CLIENTS
        room = count * CLIENTS * sum(hammering.SIZES) / len(hammering.SIZES) / 2
        stack = self.enterContext(ExitStack())
        fleet = stack.enter_context(Fleet(self.folder(), self.url(stack)))
        files, limits = hammering.hosts(fleet, thick=int(room / 4), thin=int(room / 8))
        observer = hammering.Observer(fleet, limits)
        for file in files:
            fleet.start("agent", file)
        fleet.until(lambda: len(list(fleet.disks.glob("*/*"))) == len(limits))
        for number in range(SCHEDULERS):
            fleet.start("scheduler", files[number % 2])
        options = ("--count", str(count), "--mixed", "no", "--seed")
        clients = [fleet.start("client", files[number % 2], *options, str(number)) for number in range(CLIENTS)]
        fleet.until(lambda: observer.look() or not any(client.is_alive() for client in clients))
        self.assertEqual([0] * CLIENTS, [client.exitcode for client in clients])
        fleet.until(observer.at_rest)

        self.assertEqual({}, observer.exceeded)
        self.assertGreater(sum(observer.most.values()), room * 0.8, "too little was placed for this to mean anything")
        self.assertEqual([], books.problems(fleet.database, fleet.disks, UNIT))
        statuses = observer.statuses()
        self.assertEqual(count * CLIENTS, statuses["available"] + statuses["error"], statuses)
        self.assertGreater(statuses["error"], 0)
        self.assertEqual(0, observer.untold(), "volumes in error whose owner was not told why")


class TestHammerOnPostgreSQL(HammerContract):
    kind = "postgresql"


class TestHammerOnMariaDB(HammerContract):
    kind = "mariadb"


class TestHammerOnSQLite(HammerContract):
    kind = "sqlite"

    def url(self, stack: ExitStack) -> str:
        return f"sqlite:///{self.folder()}/volsched.db"


del HammerContract
