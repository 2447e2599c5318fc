"""Backends on SQLite."""

from __future__ import annotations

from tests.stores import backends, world


class TestBackendsOnSQLite(backends.BackendsContract, world.OnSQLite):
    pass
