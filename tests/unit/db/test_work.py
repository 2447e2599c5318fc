"""The work queue on SQLite."""

from __future__ import annotations

from tests.stores import work, world


class TestWorkOnSQLite(work.WorkContract, world.OnSQLite):
    pass
