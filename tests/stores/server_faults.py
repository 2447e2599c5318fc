"""Faults of database servers: deadlocks, closed connections, their clocks, limits on text."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tests.stores.world import World, a_volume, created
from volsched.db import engines
from volsched.db.schema import volumes
from volsched.db.volumes import Volumes
from volsched.exceptions import DatabaseUnavailable, InvalidRequest


def _touch(connection: Connection, volume_id: str) -> None:
    grown = sa.update(volumes).where(volumes.c.id == volume_id).values(size_gb=volumes.c.size_gb + 1)
    connection.execute(grown)


class ServerFaultsContract(World):
    session: str  # the number of this connection
    cut: str  # ends the connection of a number

    def test_a_deadlock_is_run_again(self) -> None:
        created(self.database, "a", "b")
        both = threading.Barrier(2)
        runs: list[str] = []

        def change(first: str, second: str) -> None:
            def transaction(connection: Connection) -> None:
                runs.append(first)
                _touch(connection, first)
                if len(runs) <= 2:
                    both.wait()  # each holds what the other wants next
                _touch(connection, second)

            self.in_this_world(patience_seconds=60).run(transaction)

        threads = [threading.Thread(target=change, args=order) for order in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([12, 12], [Volumes(self.database).get(name).size_gb for name in ("a", "b")])
        self.assertGreater(len(runs), 2)

    def test_a_row_that_stays_locked(self) -> None:
        created(self.database, "v1")
        with self.database.transaction() as connection:
            _touch(connection, "v1")
            with self.assertRaisesRegex(DatabaseUnavailable, "is locked by another process .*nothing was changed"):
                self.in_this_world(patience_seconds=0.5).run(lambda other: _touch(other, "v1"))

    def test_a_client_that_stops_inside_a_transaction_loses_its_locks(self) -> None:
        created(self.database, "v1")
        with mock.patch.object(engines, "PAUSE_SECONDS", 1):
            stopped = self.in_this_world()
            with self.assertRaises(DatabaseUnavailable), stopped.transaction() as connection:
                _touch(connection, "v1")
                self.in_this_world(patience_seconds=30).run(lambda other: _touch(other, "v1"))
                _touch(connection, "v1")
        self.assertEqual(11, Volumes(self.database).get("v1").size_gb)

    def test_a_connection_that_is_cut_is_made_again(self) -> None:
        created(self.database, "v1")
        admin = self.in_this_world()
        cuts: list[int] = []

        def transaction(connection: Connection) -> None:
            if not cuts:
                number = connection.exec_driver_sql(self.session).scalar_one()
                cuts.append(int(number))
                admin.run(lambda other: other.exec_driver_sql(self.cut.format(number)).close())
            _touch(connection, "v1")

        self.database.run(transaction)
        self.assertEqual((1, 11), (len(cuts), Volumes(self.database).get("v1").size_gb))

    def test_connections_that_were_cut_while_nobody_used_them(self) -> None:
        created(self.database, "v1")
        number = sa.text(self.session)
        with ExitStack() as stack:
            idle = [stack.enter_context(self.database.transaction()) for _ in range(4)]
            cut = [int(connection.execute(number).scalar_one()) for connection in idle]
        admin = self.in_this_world()
        for session in cut:
            admin.run(lambda other, session=session: other.exec_driver_sql(self.cut.format(session)).close())
        self.assertEqual(1, self.database.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar_one()))
        self.database.run(lambda connection: _touch(connection, "v1"))
        self.assertEqual(11, Volumes(self.database).get("v1").size_gb)

    def test_the_clock_is_the_server_s(self) -> None:
        database = self.in_this_world()
        with database.transaction() as connection:
            apart = database.now(connection) - datetime.now(UTC).replace(tzinfo=None)
        self.assertLess(abs(apart.total_seconds()), 60)  # the server is on this host
        with database.transaction() as connection:
            self.assertLess(database.now(connection), database.now(connection))

    def test_text_that_is_too_long_is_the_caller_s_mistake(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "the database cannot keep it"):
            Volumes(self.database).create(a_volume(name="x" * 256))
        self.assertEqual([], Volumes(self.database).list())

    def test_a_database_that_does_not_exist(self) -> None:
        self.database.url = self.database.url.set(database="nowhere")
        with self.assertRaisesRegex(DatabaseUnavailable, "nowhere"):
            self.in_this_world().version()

    def test_a_wrong_password(self) -> None:
        self.database.url = self.database.url.set(password="secret")
        with self.assertRaises(DatabaseUnavailable) as caught:
            self.in_this_world().version()
        self.assertNotIn("secret", str(caught.exception))
