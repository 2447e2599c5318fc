"""Volume types on SQLite."""

from __future__ import annotations

from tests.stores import volumes, world


class TestVolumeTypesOnSQLite(volumes.VolumeTypesContract, world.OnSQLite):
    pass
