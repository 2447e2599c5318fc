"""Every rule has its entry in the documentation, and every entry its rule."""

from __future__ import annotations

import re
from pathlib import Path

from tests import TestCase
from tools.parity.differences import RULES, TRAPS

PAGE = Path(__file__).parents[4] / "doc" / "reference" / "differences-from-cinder.rst"


def entries() -> dict[str, str]:
    """The text of each entry, by its title."""
    parts = re.split(r"^([a-z][a-z-]+)\n~+\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class TestDocumentation(TestCase):
    def test_one_entry_a_rule(self) -> None:
        self.assertEqual(sorted(TRAPS), sorted(entries()))
        self.assertEqual(len(RULES), len({rule.name for rule in RULES}))

    def test_each_entry_numbers_the_traps_of_its_rule(self) -> None:
        for name, text in entries().items():
            with self.subTest(name):
                told = re.search(r"\*Traps:\* (.+)", text)
                self.assertEqual(TRAPS[name], tuple(told.group(1).split(", ")) if told else ())

    def test_each_entry_says_what_either_does(self) -> None:
        for name, text in entries().items():
            with self.subTest(name):
                self.assertRegex(text, r"\*\*Cinder\*\* \w")
                self.assertRegex(text, r"\*\*volsched\*\* \w")
