"""Groups on SQLite."""

from __future__ import annotations

from tests.stores import groups, world


class TestGroupsOnSQLite(groups.GroupsContract, world.OnSQLite):
    pass
