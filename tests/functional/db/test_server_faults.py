"""What goes wrong with real servers, and what becomes of it."""

from __future__ import annotations

from tests.stores import server_faults, world
from tests.stores.world import a_volume
from volsched.db.volumes import Volumes
from volsched.exceptions import InvalidRequest


class TestOnPostgreSQL(server_faults.ServerFaultsContract, world.OnPostgreSQL):
    session = "SELECT pg_backend_pid()"
    cut = "SELECT pg_terminate_backend({})"

    def test_text_that_it_has_no_way_to_keep(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "the database cannot keep it"):
            Volumes(self.database).create(a_volume(name="a\x00b"))


class TestOnMariaDB(server_faults.ServerFaultsContract, world.OnMariaDB):
    session = "SELECT CONNECTION_ID()"
    cut = "KILL {}"
