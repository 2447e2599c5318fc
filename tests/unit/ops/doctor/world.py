"""A configuration, a database and what was reported, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import tests
from volsched import conf
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.db.volume_types import VolumeTypes
from volsched.loader import Catalog, Problem
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.ops.doctor import DoctorContext, diagnose

HOST = "node1@disk1"


class World(tests.TestCase):
    """Nothing has been made yet: no database, no report."""

    settings = ""

    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()

    def context(self, text: str | None = None) -> DoctorContext:
        path = self.home / "volsched.conf"
        path.write_text(f"[paths]\nstate_path = {self.home}\n" + (self.settings if text is None else text))
        context = DoctorContext(conf.load([str(path)], use_env=False), Catalog.discover())
        self.addCleanup(context.close)
        return context

    def database(self) -> Database:
        database = Database(f"sqlite:///{self.home}/volsched.db")
        self.addCleanup(database.close)
        database.upgrade()
        return database

    def report(self, database: Database, *pools: dict[str, Any], late: float = 0.0) -> None:
        """A report of these pools that was measured `late` seconds ago; below 0: will be."""
        now = database.read(database.now) - timedelta(seconds=late)
        listed = [
            {"pool_name": f"p{at}", "total_capacity_gb": 100, "free_capacity_gb": 100, **pool}
            for at, pool in enumerate(pools or ({},))
        ]
        report = CapabilityReport(service_name="volume", host=HOST, capabilities={"pools": listed}, timestamp=now)
        Backends(database).record(report, pools_from(report, ServiceState(host=HOST), "20.0"))

    def type(self, database: Database, name: str, **extra_specs: str) -> None:
        VolumeTypes(database).create(name=name, extra_specs=extra_specs)

    def codes(self, problems: Sequence[Problem]) -> list[tuple[str, str]]:
        return [(problem.code, problem.where) for problem in problems]

    def diagnosed(self, text: str | None = None) -> dict[str, list[Problem]]:
        """Everything that is found, by code."""
        found: dict[str, list[Problem]] = {}
        for finding in diagnose(self.context(text)):
            found.setdefault(finding.problem.code, []).append(finding.problem)
        return found
