"""What became of events, on SQLite."""

from __future__ import annotations

from tests.stores import deliveries, world


class TestDeliveriesOnSQLite(deliveries.DeliveriesContract, world.OnSQLite):
    pass
