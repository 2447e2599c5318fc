"""Snapshots on SQLite."""

from __future__ import annotations

from tests.stores import groups, world


class TestSnapshotsOnSQLite(groups.SnapshotsContract, world.OnSQLite):
    pass
