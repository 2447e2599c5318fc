"""A law bites: a plugin that breaks it fails, and a sound one passes."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

from tests import TestCase


def laws_of(kit: type) -> set[str]:
    return {name for name in dir(kit) if name.startswith("test_")}


class BitingTestCase(TestCase):
    """Tries each law of a kit on a sound plugin and on the one that breaks it."""

    kit: ClassVar[type] = object
    beyond: ClassVar[type] = object  # the kit whose laws are tried elsewhere
    sound: ClassVar[type] = object
    broken: ClassVar[Mapping[str, type]] = {}  # law -> a plugin that breaks it
    hooks: ClassVar[Mapping[str, Any]] = {}  # what an author's test case would override

    def told(self, law: str, plugin_class: Any, **hooks: Any) -> str | None:
        """What the law says against a plugin, None where it is content."""
        body = {
            "plugin_name": "tested",
            "plugin_class": lambda case: plugin_class,
            "entry_points": lambda case: (EntryPoint("tested", "a.module:Plugin", self.kit.group),),  # type: ignore[attr-defined]
            **self.hooks,
            **hooks,
        }
        result = unittest.TestResult()
        type("Tried", (self.kit, unittest.TestCase), body)(law).run(result)
        self.assertEqual(1, result.testsRun)
        self.assertFalse(result.skipped, f"{law} was skipped")
        problems = [text for _, text in (*result.failures, *result.errors)]
        return problems[0] if problems else None

    def test_every_law_bites(self) -> None:
        for law, plugin_class in self.broken.items():
            with self.subTest(law=law):
                self.assertIsNone(self.told(law, self.sound))
                self.assertIsNotNone(self.told(law, plugin_class), f"{plugin_class.__name__} got away")

    def test_no_law_is_left_out(self) -> None:
        self.assertEqual(laws_of(self.kit) - laws_of(self.beyond), set(self.broken))


del TestCase  # a base class in a module's name space would be collected there
