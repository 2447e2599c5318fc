"""A short run of the soak test."""

from __future__ import annotations

import importlib.util
import json
from contextlib import ExitStack

from tests import TestCase
from tests.functional.fleet import Fleet
from tests.functional.hammering import database_of
from tests.functional.program import ROOT
from tests.functional.soaking import TOLD, Soak, Soaked, report_of


class TestSoak(TestCase):
    def soaked(self, kind: str, seconds: float, seed: int) -> Soaked:
        folder = self.folder()
        with ExitStack() as stack:
            url = database_of(kind, folder, stack)
            fleet = stack.enter_context(Fleet(folder, url, TOLD.format(folder=folder)))
            return Soak(fleet, kind, seed, seconds, schedulers=2, customers=3).run()

    def test_nothing_breaks(self) -> None:
        seen = self.soaked("postgresql", 6, seed=5)
        self.assertEqual(0, sum(seen.broken.values()), seen.text)
        self.assertGreater(seen.requests, 0, seen.text)
        self.assertGreater(sum(seen.kills.values()) + sum(seen.stops.values()), 0, seen.text)
        self.assertEqual(seen.broken, json.loads(json.dumps(report_of(seen)))["broken"])

    def test_the_command_is_there(self) -> None:
        spec = importlib.util.spec_from_file_location("soak", ROOT / "tools" / "soak.py")
        assert spec is not None
        assert spec.loader is not None
        soak = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(soak)
        self.assertTrue(callable(soak.main))
