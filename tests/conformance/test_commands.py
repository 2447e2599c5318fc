"""Every command that is shipped keeps to the laws."""

from __future__ import annotations

import unittest
from importlib.metadata import entry_points

from tests import TestCase
from volsched import testing

LAWS = sorted(name for name in dir(testing.CommandConformance) if name.startswith("test_"))


class TestCommands(TestCase):
    def test_each_keeps_every_law(self) -> None:
        shipped = [point for point in entry_points(group="volsched.commands") if point.value.startswith("volsched.")]
        self.assertTrue(shipped)
        for point in shipped:
            tried = type("Tried", (testing.CommandConformance, unittest.TestCase), {"plugin_name": point.name})
            for law in LAWS:
                with self.subTest(command=point.name, law=law):
                    result = unittest.TestResult()
                    tried(law).run(result)
                    self.assertEqual([], [text for _, text in (*result.failures, *result.errors)])
