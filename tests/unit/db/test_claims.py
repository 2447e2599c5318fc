"""Claims on SQLite."""

from __future__ import annotations

from tests.stores import claims, world


class TestClaimsOnSQLite(claims.ClaimsContract, world.OnSQLite):
    pass
