"""Problems that `config check` finds in what backends have reported."""

from __future__ import annotations

import datetime

import tests
from volsched import conf
from volsched.cli.config import stored_problems
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.db.volume_types import VolumeTypes
from volsched.exceptions import DatabaseUnavailable
from volsched.loader import Problem
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState

NOW = datetime.datetime(2026, 1, 1, 12, 0)
HOST = "h@disk1"


class TestProblems(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.folder()
        path = self.home / "volsched.conf"
        path.write_text(f"[paths]\nstate_path = {self.home}\n")
        self.conf = conf.load([str(path)], use_env=False)

    def database(self) -> Database:
        database = Database.configured(self.conf)
        self.addCleanup(database.close)
        database.upgrade()
        return database

    def report(self, database: Database, **capabilities: object) -> None:
        """One pool that reports these capabilities."""
        pool = {"pool_name": "p", "total_capacity_gb": 100, "free_capacity_gb": 100, **capabilities}
        report = CapabilityReport(service_name="volume", host=HOST, capabilities={"pools": [pool]}, timestamp=NOW)
        Backends(database).record(report, pools_from(report, ServiceState(host=HOST), "20.0"))

    def found(self) -> list[Problem]:
        return list(stored_problems(self.conf))

    def test_without_reports_there_is_no_problem(self) -> None:
        VolumeTypes(self.database()).create(name="gold", extra_specs={"media": "ssd"})
        self.assertEqual([], self.found())

    def test_a_missing_database_is_an_error(self) -> None:
        with self.assertRaises(DatabaseUnavailable):
            self.found()

    def test_an_expression_that_cannot_be_parsed_is_a_warning(self) -> None:
        self.report(self.database(), filter_function="volume.size <")
        found = [problem for problem in self.found() if problem.code == "VS113"]
        self.assertEqual([f"filter_function of {HOST}#p"], [problem.where for problem in found])
        self.assertFalse(found[0].fatal)

    def test_an_expression_with_two_meanings_is_a_problem(self) -> None:
        self.report(self.database(), goodness_function="volume.size > 1 and volume.size > 2 and volume.size > 99")
        found = self.found()
        self.assertEqual([("VS126", f"goodness_function of {HOST}#p")], [(it.code, it.where) for it in found])
        self.assertIn("cinder: ", found[0].what)
        self.assertIn("strict: ", found[0].what)

    def test_unknown_names_in_expressions_are_reported_with_the_name_meant(self) -> None:
        database = self.database()
        for text, fix in (
            ("volume.siz < 10", "did you mean 'size'?"),
            ("stats.free_capacity < 10", "did you mean 'free_capacity_gb'?"),
            ("capabilities.medai == 'ssd'", "did you mean 'media'?"),
            ("capabilities.nothing < 10", "correct the name, or let the backend report the capability"),
        ):
            self.report(database, filter_function=text, media="ssd")
            with self.subTest(text=text):
                found = [problem for problem in self.found() if problem.code == "VS113"]
                self.assertEqual([(f"filter_function of {HOST}#p", fix)], [(it.where, it.fix) for it in found])
        self.report(database, filter_function="extra.anything == 1 or qos.anything == 1 or volume.display_name == 'x'")
        self.assertEqual([], [problem for problem in self.found() if problem.code == "VS113"])

    def test_a_valid_expression_is_no_problem(self) -> None:
        self.report(self.database(), filter_function="volume.size < 100")
        self.assertEqual([], self.found())

    def test_extra_specs_that_no_pool_matches_are_problems(self) -> None:
        database = self.database()
        self.report(database, media="hdd")
        types = VolumeTypes(database)
        types.create(name="gold", extra_specs={"media": "ssd", "volume_backend_name": "x", "other:scope": "1"})
        types.create(name="iron", extra_specs={"media": "<or> ssd <or> hdd"})
        found = sorted(self.found(), key=lambda problem: problem.where)
        self.assertEqual(
            ["volume type gold, extra spec media", "volume type gold, extra spec volume_backend_name"],
            [problem.where for problem in found],
        )
        self.assertIn("no pool matches 'ssd'; reported: 'hdd'", found[0].what)

    def test_an_invalid_database_url_is_a_problem(self) -> None:
        self.conf.set_override("connection", "nonsense", "database")
        self.assertEqual(["VS108"], [problem.code for problem in self.found()])
