"""Concurrent clients, schedulers, and agents, and pools with capacity for half of the requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from tests import TestCase
from tests.functional.hammering import CLIENTS, Hammered, database_of, hammer, read_check_write

#: So many requests in all; HAMMER_REQUESTS in the environment says otherwise, for any database.
REQUESTS = {"postgresql": 64, "mariadb": 48, "sqlite": 40}


class HammerContract(TestCase):
    """Only its kinds, which say on which database, are of use."""

    kind: str

    def hammered(self, requests: int, prepared: Callable[[], object] | None = None) -> Hammered:
        count = int(os.environ.get("HAMMER_REQUESTS", requests)) // CLIENTS * CLIENTS
        folder = self.folder()
        with ExitStack() as stack:
            seen = hammer(folder, database_of(self.kind, folder, stack), count, prepared)
        self.assertEqual((count, 0), (seen.placed + seen.refused, seen.untold), seen.told)
        return seen

    def test_no_pool_is_ever_overfull_and_no_request_is_lost(self) -> None:
        seen = self.hammered(REQUESTS[self.kind])
        self.assertEqual(({}, []), (seen.overfull, seen.problems), seen.told)
        self.assertGreater(seen.placed_gb, seen.room_gb * 0.8, "too little was placed for this to mean anything")
        self.assertGreater(seen.refused, 0)

    def test_the_same_with_read_check_write_places_too_much(self) -> None:
        """So the test above can fail."""
        seen = self.hammered(3 * CLIENTS, read_check_write)
        self.assertNotEqual({}, seen.overfull, seen.told)


class TestHammerOnPostgreSQL(HammerContract):
    kind = "postgresql"


class TestHammerOnMariaDB(HammerContract):
    kind = "mariadb"


class TestHammerOnSQLite(HammerContract):
    kind = "sqlite"


del HammerContract
