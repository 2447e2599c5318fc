"""The backlog on SQLite."""

from __future__ import annotations

from tests.stores import backlog, world


class TestBacklogOnSQLite(backlog.BacklogContract, world.OnSQLite):
    pass
