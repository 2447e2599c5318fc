"""Migrations on the servers."""

from __future__ import annotations

from tests.stores import migrations


class TestMigrationsOnPostgreSQL(migrations.MigrationsContract, migrations.OnPostgreSQL):
    pass


class TestMigrationsOnMariaDB(migrations.MigrationsContract, migrations.OnMariaDB):
    pass
