"""Transactions on SQLite, and what becomes of its errors."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from tests import TestCase
from tests.stores.world import OnSQLite, a_volume, created
from volsched import conf
from volsched.db import volume_rows
from volsched.db.database import Database
from volsched.db.schema import volumes
from volsched.db.volumes import Volumes
from volsched.exceptions import ConfigurationError, DatabaseUnavailable


def _create_in_child(database: Database, volume_id: str) -> None:
    Volumes(database).create(a_volume(volume_id))


class TestUrls(TestCase):
    def test_each_database_gets_its_driver(self) -> None:
        for given, driver in (
            ("sqlite:////tmp/x.db", "sqlite"),
            ("postgresql://u@h/d", "postgresql+psycopg"),
            ("postgresql+psycopg://u@h/d", "postgresql+psycopg"),
            ("mysql://u@h/d", "mysql+pymysql"),
            ("mariadb+pymysql://u@h/d", "mysql+pymysql"),
        ):
            with self.subTest(given):
                self.assertEqual(driver, Database(given).url.drivername)

    def test_what_is_no_url_of_ours_is_refused_without_showing_it(self) -> None:
        for given, problem in (
            ("secret", "not a database URL"),
            ("", "not a database URL"),
            ("oracle://u:secret@h/d", "'oracle' is not supported; there are mysql"),
        ):
            with self.subTest(given), self.assertRaisesRegex(ConfigurationError, problem) as caught:
                Database(given)
            self.assertEqual("[database] connection", caught.exception.option)
            self.assertNotIn("secret", str(caught.exception))

    def test_the_password_is_never_shown(self) -> None:
        database = Database("postgresql://u:secret@127.0.0.1:9/d")
        self.assertNotIn("secret", database.name + repr(database))
        with self.assertRaises(DatabaseUnavailable) as caught:
            database.version()
        self.assertNotIn("secret", str(caught.exception))

    def test_a_server_that_is_not_there(self) -> None:
        for url in ("postgresql://u@127.0.0.1:9/d", "mysql://u@127.0.0.1:9/d"):
            with self.subTest(url), self.assertRaisesRegex(DatabaseUnavailable, "does not answer .*is the server up"):
                Database(url).version()


class TestConfigured(TestCase):
    def configured(self, folder: Path, more: str = "") -> Database:
        file = self.folder() / "volsched.conf"
        file.write_text(f"[paths]\nstate_path = {folder}\n{more}")
        database = Database.configured(conf.load([str(file)], use_env=False))
        self.addCleanup(database.close)
        return database

    def test_the_file_lies_in_the_state_path_whatever_characters_that_contains(self) -> None:
        for name in ("x?1", "x?2", "x%20y", "x#y", "x y", "\u00e9"):
            folder = self.folder() / name
            with self.subTest(name):
                database = self.configured(folder)
                database.upgrade()
                self.assertTrue((folder / "volsched.db").is_file())
                self.assertEqual([folder], list(folder.parent.iterdir()))

    def test_a_question_mark_in_a_url_is_not_taken_for_options(self) -> None:
        with self.assertRaisesRegex(ConfigurationError, "got '1/volsched.db'.*set .paths. state_path"):
            self.configured(self.folder(), "[database]\nconnection = sqlite:////q/x?1/volsched.db\n")

    def test_options_of_sqlite_are_allowed(self) -> None:
        folder = self.folder()
        database = self.configured(folder, f"[database]\nconnection = sqlite:///{folder}/other.db?timeout=3\n")
        database.upgrade()
        self.assertTrue((folder / "other.db").is_file())


class TestInMemory(TestCase):
    def test_threads_take_turns(self) -> None:
        database = Database("sqlite://")
        self.addCleanup(database.close)
        database.upgrade()
        threads = [threading.Thread(target=created, args=(database, f"v{number}")) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(8, len(Volumes(database).list()))


class TestOnSQLite(OnSQLite):
    def file(self) -> Path:
        assert self.database.file is not None
        return self.database.file

    def test_how_a_connection_is_set_up(self) -> None:
        for setting, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)):
            with self.subTest(setting), self.database.transaction() as connection:
                self.assertEqual(value, connection.exec_driver_sql(f"PRAGMA {setting}").scalar())

    def test_a_block_that_raises_changes_nothing(self) -> None:
        with self.assertRaises(ZeroDivisionError), self.database.transaction() as connection:
            connection.execute(
                sa.insert(volumes).values(volume_rows.values_of(a_volume(created_at="2026-11-23T12:00:00")))
            )
            raise ZeroDivisionError
        self.assertEqual([], Volumes(self.database).list())

    def test_readers_do_not_wait_for_a_writer(self) -> None:
        created(self.database, "v1")
        with closing(sqlite3.connect(self.file(), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            hasty = self.in_this_world(patience_seconds=0)
            self.assertEqual("v1", Volumes(hasty).get("v1").id)

    def test_a_locked_database(self) -> None:
        with closing(sqlite3.connect(self.file(), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            hasty = self.in_this_world(patience_seconds=0.05)
            for act in (lambda: created(hasty, "v1"), lambda: hasty.transaction().__enter__(), hasty.upgrade):
                with self.assertRaisesRegex(DatabaseUnavailable, "is locked by another process .*nothing was changed"):
                    act()
        self.assertEqual([], Volumes(self.database).list())

    def test_a_lock_that_goes_in_time_is_waited_for(self) -> None:
        with closing(sqlite3.connect(self.file(), isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            release = threading.Timer(0.1, other.rollback)
            release.start()
            created(self.in_this_world(patience_seconds=30), "v1")
            release.join()

    def test_a_file_that_does_not_exist_is_not_made(self) -> None:
        missing = self.folder() / "missing.db"
        with self.assertRaisesRegex(DatabaseUnavailable, "does not exist; run volsched db upgrade"):
            Volumes(Database(f"sqlite:///{missing}")).list()
        self.assertFalse(missing.exists())

    def test_a_file_that_is_no_database(self) -> None:
        text = self.folder() / "text.db"
        text.write_text("no database at all, just a line of text that is long enough to be looked at " * 20)
        with self.assertRaisesRegex(DatabaseUnavailable, "cannot be used: file is not a database"):
            Volumes(Database(f"sqlite:///{text}")).list()

    def test_a_folder_instead_of_a_file(self) -> None:
        with self.assertRaisesRegex(DatabaseUnavailable, "cannot be used: unable to open"):
            Volumes(Database(f"sqlite:///{self.folder()}")).list()
        inside_a_file = self.folder() / "file"
        inside_a_file.touch()
        with self.assertRaisesRegex(DatabaseUnavailable, "nothing was changed"):
            Database(f"sqlite:///{inside_a_file}/volsched.db").upgrade()

    def test_a_statement_that_is_wrong_is_not_hidden(self) -> None:
        with self.assertRaises(OperationalError):
            self.database.run(lambda connection: connection.exec_driver_sql("SELEKT"))

    def test_a_race_is_run_again_whole(self) -> None:
        tries: list[int] = []
        busy = sqlite3.OperationalError("database is locked")
        busy.sqlite_errorcode = 5

        def transaction(connection: sa.Connection) -> str:
            connection.execute(sa.update(volumes).values(size_gb=volumes.c.size_gb + 1))
            tries.append(1)
            if len(tries) < 4:
                raise OperationalError("BEGIN", {}, busy)
            return "done"

        created(self.database, "v1")
        self.assertEqual("done", self.database.run(transaction))
        self.assertEqual((4, 11), (len(tries), Volumes(self.database).get("v1").size_gb))

    def test_patience_ends(self) -> None:
        busy = sqlite3.OperationalError("database is locked")
        busy.sqlite_errorcode = 5
        began = time.monotonic()

        def transaction(connection: sa.Connection) -> None:
            raise OperationalError("BEGIN", {}, busy)

        with self.assertRaises(DatabaseUnavailable):
            self.in_this_world(patience_seconds=0.2).run(transaction)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_forked_child_makes_its_own_connections(self) -> None:
        created(self.database, "v1")
        child = multiprocessing.get_context("fork").Process(target=_create_in_child, args=(self.database, "v2"))
        child.start()
        child.join()
        self.assertEqual(0, child.exitcode)
        created(self.database, "v3")
        self.assertEqual(3, len(Volumes(self.database).list()))

    def test_the_clock_of_this_host_is_the_default(self) -> None:
        database = self.in_this_world()
        with database.transaction() as connection:
            apart = datetime.now(UTC).replace(tzinfo=None) - database.now(connection)
        self.assertLess(abs(apart.total_seconds()), 60)
