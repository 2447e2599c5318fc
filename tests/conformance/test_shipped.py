"""No plugin is shipped without its conformance test."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

import tests.conformance
from tests import TestCase
from volsched import testing

KITS = (
    testing.BackendConformance, testing.FilterConformance, testing.NotifierConformance, testing.SchedulerConformance,
    testing.WeigherConformance, testing.WeightHandlerConformance,
)  # fmt: skip


class ShippedTest(TestCase):
    def test_every_plugin_has_one(self) -> None:
        tried = set()
        for found in pkgutil.iter_modules(tests.conformance.__path__, "tests.conformance."):
            for value in vars(importlib.import_module(found.name)).values():
                shipped_here = isinstance(value, type) and issubclass(value, KITS) and "entry_points" not in vars(value)
                if shipped_here and "plugin_name" in vars(value):
                    tried.add((value.group, value.plugin_name))
        shipped = {
            (kit.group, point.name)
            for kit in KITS
            for point in entry_points(group=kit.group)
            if point.value.startswith("volsched_drivers.")
        }
        self.assertEqual(shipped, tried)
