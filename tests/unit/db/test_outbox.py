"""The outbox on SQLite."""

from __future__ import annotations

from tests.stores import outbox, world


class TestOutboxOnSQLite(outbox.OutboxContract, world.OnSQLite):
    pass
