"""Quotas on SQLite."""

from __future__ import annotations

from tests.stores import quotas, world


class TestQuotasOnSQLite(quotas.QuotasContract, world.OnSQLite):
    pass
