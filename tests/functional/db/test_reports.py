"""Reports and claims in any order, on each server."""

from __future__ import annotations

from tests.stores import reports, world


class TestReportsOnPostgreSQL(reports.ReportsContract, world.OnPostgreSQL):
    pass


class TestReportsOnMariaDB(reports.ReportsContract, world.OnMariaDB):
    pass
