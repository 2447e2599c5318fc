"""Tests of the page about differences: it has one entry a rule, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from tests import TestCase
from tools.parity.differences import ENTRIES, RULES

PAGE = Path(__file__).parents[4] / "doc" / "reference" / "differences-from-cinder.rst"


def entries() -> dict[str, str]:
    """The text of each entry, by its title."""
    parts = re.split(r"^([a-z][a-z-]+)\n~+\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class TestDocumentation(TestCase):
    def test_each_rule_has_one_entry(self) -> None:
        self.assertEqual(sorted(ENTRIES), sorted(entries()))
        self.assertEqual(len(RULES), len({rule.name for rule in RULES}))

    def test_each_entry_describes_both_behaviors(self) -> None:
        for name, text in entries().items():
            with self.subTest(name):
                self.assertRegex(text, r"\*\*Cinder\*\* \w")
                self.assertRegex(text, r"\*\*volsched\*\* \w")
