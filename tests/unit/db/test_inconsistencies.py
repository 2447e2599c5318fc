"""The audit on SQLite."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.stores import audit, world


class TestAuditOnSQLite(audit.AuditContract, world.OnSQLite):
    def test_a_claim_of_a_volume_that_is_gone(self) -> None:
        """Where somebody has deleted the row, past what the database checks."""
        with contextlib.closing(sqlite3.connect(str(self.database.file))) as by_hand, by_hand:
            by_hand.execute("DELETE FROM volumes")
        drifts = {drift.check: drift for drift in self.found()}
        self.assertIn("the volume v1 is gone", drifts["claims without a volume"].what)
        with self.assertLogs("volsched.api.audit", "WARNING"):
            self.found(repair=True)
        self.assertEqual({}, self.sizes())
