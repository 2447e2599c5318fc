"""Tests of reading what plugins say of themselves without importing them."""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
import unittest.mock
from pathlib import Path

import tests
from volsched.loader import FILTER, Entry
from volsched.loader.descriptions import Stated, source_file, stated


class TestStated(tests.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = self.folder()
        self.enterContext(unittest.mock.patch("sys.path", [str(self.site), *sys.path]))

    def stated(self, source: str) -> Stated:
        package = self.site / "acmereading"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("raise SystemExit('imported')\n")
        (package / "rack.py").write_text(textwrap.dedent(source))
        entry_point = importlib.metadata.EntryPoint("rack", "acmereading.rack:RackFilter", FILTER.entry_points)
        return stated(Entry(kind=FILTER, name="rack", package="acme", version="1", entry_point=entry_point))

    def test_what_a_class_body_states(self) -> None:
        for body, contract, maturity in (
            ("contract = (1, 0)", "1.0", "stable"),
            ("contract: tuple[int, int] = (2, 3)\n    maturity = 'experimental'", "2.3", "experimental"),
            ("contract = computed()", None, "stable"),
            ("contract = 7", None, "stable"),
            ("pass", None, "stable"),
        ):
            with self.subTest(body=body):
                found = self.stated(f"class RackFilter:\n    {body}\n")
                self.assertEqual((contract, maturity, None), (found.contract, found.maturity, found.note))
        self.assertNotIn("acmereading", sys.modules)

    def test_where_nothing_can_be_read(self) -> None:
        for source, note in (
            ("class Other: pass\n", "defines no class RackFilter itself"),
            ("from elsewhere import RackFilter\n", "defines no class RackFilter itself"),
            ("class RackFilter(:\n", "its module cannot be read: invalid syntax"),
            ("\0", "its module cannot be read"),
        ):
            with self.subTest(source=source):
                self.assertIn(note, self.stated(source).note or "")

    def test_a_module_that_is_not_there(self) -> None:
        for module in ("acmenowhere", "acmenowhere.rack", "acmereading.nothing", "itertools"):
            with self.subTest(module=module):
                self.assertIsNone(source_file(module))

    def test_ours(self) -> None:
        found = source_file("volsched_drivers.filters.capacity")
        self.assertEqual(Path("volsched_drivers/filters/capacity.py"), found and Path(*found.parts[-3:]))
