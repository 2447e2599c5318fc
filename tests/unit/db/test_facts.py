"""Facts on SQLite."""

from __future__ import annotations

from tests.stores import volumes, world


class TestFactsOnSQLite(volumes.FactsContract, world.OnSQLite):
    pass
