"""Migrations: upgrades, and the comparison of migrations with the schema."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests import TestCase, servers
from tests.stores.world import a_volume
from volsched.db import upgrade
from volsched.db.database import Database
from volsched.db.schema import Moment, metadata
from volsched.db.volumes import Volumes
from volsched.exceptions import DatabaseUnavailable


class MigrationsContract(TestCase):
    """`self.database` is empty: it has no tables at all."""

    database: Database

    def drift(self, models: sa.MetaData = metadata) -> list[Any]:
        """How the tables differ from the models."""
        return self.database.read(
            lambda connection: list(
                compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), models)
            )
        )

    def tables(self) -> set[str]:
        return set(self.database.read(lambda connection: sa.inspect(connection).get_table_names()))

    def test_up_and_down_and_up_again(self) -> None:
        self.assertIsNone(self.database.version())
        for _ in range(2):
            self.database.upgrade()
            self.assertEqual(upgrade.latest(), self.database.version())
            self.assertLessEqual(set(metadata.tables), self.tables())
            self.database.downgrade("base")
            self.assertIsNone(self.database.version())
            self.assertLessEqual(self.tables(), {"alembic_version", "sqlite_sequence"})

    def test_upgrading_again_keeps_everything(self) -> None:
        self.database.upgrade()
        Volumes(self.database).create(a_volume())
        self.database.upgrade()
        self.assertEqual("v1", Volumes(self.database).get("v1").id)

    def test_the_latest_revision_is_the_one_of_alembic(self) -> None:
        scripts = ScriptDirectory.from_config(upgrade.configuration())
        self.assertEqual(scripts.get_current_head(), upgrade.latest())
        self.database.upgrade()
        by_alembic = self.database.read(
            lambda connection: MigrationContext.configure(connection).get_current_revision()
        )
        self.assertEqual(by_alembic, self.database.version())

    def test_models_and_migrations_are_in_step(self) -> None:
        self.database.upgrade()
        self.assertEqual([], self.drift())

    def test_each_kind_of_drift_is_seen(self) -> None:
        self.database.upgrade()
        models = sa.MetaData()
        for table in metadata.sorted_tables:
            table.to_metadata(models)
        volumes = models.tables["volumes"]
        volumes.append_column(sa.Column("planted_column", sa.Integer))
        sa.Table("planted_table", models, sa.Column("id", sa.Integer))
        sa.Index("planted_index", volumes.c.user_id)
        volumes.append_constraint(sa.UniqueConstraint("user_id", name="planted_constraint"))
        volumes.c.project_id.type = Moment()
        volumes.c.description.nullable = False
        drift = self.drift(models)
        seen = str(drift)
        self.assertEqual(6, len(drift), seen)
        for planted in (
            "planted_column",
            "planted_table",
            "planted_index",
            "add_constraint",
            "Moment()",
            "description",
        ):
            with self.subTest(planted):
                self.assertIn(planted, seen)

    def test_two_at_once_take_turns(self) -> None:
        together = threading.Barrier(2)

        def upgrade() -> None:
            with contextlib.closing(Database(self.database.url.render_as_string(hide_password=False))) as database:
                together.wait()
                database.upgrade()

        threads = [threading.Thread(target=upgrade) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.database.check()

    def test_the_wrong_version_is_refused_with_a_fix(self) -> None:
        with self.assertRaisesRegex(DatabaseUnavailable, "has no tables yet; run volsched db upgrade"):
            self.database.check()
        with self.assertRaisesRegex(DatabaseUnavailable, "run volsched db upgrade"):
            Volumes(self.database).get("v1")
        with self.assertRaisesRegex(DatabaseUnavailable, "run volsched db upgrade"):
            Volumes(self.database).create(a_volume())
        self.database.upgrade()
        self.database.check()
        with self.database.transaction() as connection:
            connection.execute(sa.text("ALTER TABLE volumes DROP COLUMN user_id"))
            connection.execute(sa.text("UPDATE alembic_version SET version_num = 'f00'"))
        with self.assertRaisesRegex(DatabaseUnavailable, "is at f00, which a newer volsched made; upgrade volsched"):
            self.database.check()
        with self.assertRaisesRegex(DatabaseUnavailable, "newer volsched"):
            self.database.upgrade()
        with self.assertRaisesRegex(DatabaseUnavailable, "run volsched db upgrade"):
            Volumes(self.database).get("v1")


class OnSQLite(TestCase):
    def setUp(self) -> None:
        super().setUp()
        file = self.folder() / "new" / "volsched.db"
        file.parent.mkdir()
        file.touch()
        self.database = Database(f"sqlite:///{file}")
        self.addCleanup(self.database.close)


class OnPostgreSQL(TestCase):
    kind = "postgresql"

    def setUp(self) -> None:
        super().setUp()
        self.database = Database(self.enterContext(servers.require(self.kind).database()))
        self.addCleanup(self.database.close)


class OnMariaDB(OnPostgreSQL):
    kind = "mariadb"
