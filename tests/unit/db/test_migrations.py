"""Migrations on SQLite."""

from __future__ import annotations

from tests.stores import migrations
from volsched.db.database import Database


class TestMigrationsOnSQLite(migrations.MigrationsContract, migrations.OnSQLite):
    def test_many_pairs_take_turns(self) -> None:
        for _ in range(20):
            self.database = Database(f"sqlite:///{self.folder()}/volsched.db")
            self.addCleanup(self.database.close)
            self.test_two_at_once_take_turns()

    def test_a_missing_folder_and_file_are_made(self) -> None:
        file = self.folder() / "some" / "where" / "volsched.db"
        database = Database(f"sqlite:///{file}")
        self.addCleanup(database.close)
        self.assertIsNone(database.version())
        self.assertFalse(file.exists())
        database.upgrade()
        database.check()
