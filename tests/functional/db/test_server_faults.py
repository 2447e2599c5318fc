"""What goes wrong with real servers, and what becomes of it."""

from __future__ import annotations

from sqlalchemy.engine import Connection

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

    def test_a_prepared_statement_whose_table_was_altered_is_run_again(self) -> None:
        def look(connection: Connection) -> int:
            return len(connection.exec_driver_sql("SELECT * FROM volume_groups").keys())

        (columns,) = {self.database.read(look) for _ in range(10)}  # the driver prepares it on the way
        admin = self.in_this_world()
        admin.run(lambda other: other.exec_driver_sql("ALTER TABLE volume_groups ADD COLUMN more text").close())
        try:
            self.assertEqual(columns + 1, self.database.read(look))
        finally:
            admin.run(lambda other: other.exec_driver_sql("ALTER TABLE volume_groups DROP COLUMN more").close())

    def test_a_prepared_statement_that_the_server_lost_is_run_again(self) -> None:
        """As behind a connection pooler, which gives a client's transactions to several sessions."""

        def look(connection: Connection) -> int:
            return int(connection.exec_driver_sql("SELECT 1 + 1").scalar_one())

        self.assertEqual({2}, {self.database.read(look) for _ in range(10)})
        self.database.run(lambda it: it.exec_driver_sql("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$").close())
        self.assertEqual({2}, {self.database.read(look) for _ in range(10)})


class TestOnMariaDB(server_faults.ServerFaultsContract, world.OnMariaDB):
    session = "SELECT CONNECTION_ID()"
    cut = "KILL {}"
