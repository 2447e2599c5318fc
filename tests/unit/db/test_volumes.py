"""Volumes on SQLite."""

from __future__ import annotations

from tests.stores import volumes, world


class TestVolumesOnSQLite(volumes.VolumesContract, world.OnSQLite):
    pass
