"""Claims of many processes at once, on each database."""

from __future__ import annotations

from tests.stores import hammer, world


class TestHammerOnSQLite(hammer.HammerContract, world.OnSQLite):
    pass


class TestHammerOnPostgreSQL(hammer.HammerContract, world.OnPostgreSQL):
    pass


class TestHammerOnMariaDB(hammer.HammerContract, world.OnMariaDB):
    pass
