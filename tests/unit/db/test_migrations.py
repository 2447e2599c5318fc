"""Migrations on SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from unittest import mock

from tests.stores import migrations
from volsched.db.database import Database


class TestMigrationsOnSQLite(migrations.MigrationsContract, migrations.OnSQLite):
    def test_whoever_prepares_the_file_is_waited_for(self) -> None:
        file = self.folder() / "volsched.db"
        database = Database(f"sqlite:///{file}")
        self.addCleanup(database.close)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            for statement in ("CREATE TABLE of_others (id INTEGER)", "BEGIN", "SELECT * FROM of_others"):
                other.execute(statement)
            with mock.patch("volsched.db.engines.time.sleep", side_effect=lambda _: other.execute("COMMIT")) as waited:
                database.upgrade()
        waited.assert_called_once()
        database.check()

    def test_a_missing_folder_and_file_are_made(self) -> None:
        file = self.folder() / "some" / "where" / "volsched.db"
        database = Database(f"sqlite:///{file}")
        self.addCleanup(database.close)
        self.assertIsNone(database.version())
        self.assertFalse(file.exists())
        database.upgrade()
        database.check()
