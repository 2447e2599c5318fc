"""Decisions, messages and failures on SQLite."""

from __future__ import annotations

from tests.stores import outbox, world


class TestRecordsOnSQLite(outbox.RecordsContract, world.OnSQLite):
    pass
