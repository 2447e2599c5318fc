from __future__ import annotations

import math

from tests import TestCase
from volsched.cli import table


class TestForPeople(TestCase):
    def test_values_are_plain_words(self) -> None:
        cases = {
            "-": [None, "", {}, []],
            "yes": [True],
            "no": [False],
            "3": [3, 3.0],
            "3.5": [3.5],
            "3.25": [3.25, 3.2499999],
            "unbounded": [math.inf],
            "unknown": [math.nan],
            "a=1, b=-": [{"a": 1, "b": None}],
            "x, 2": [["x", 2]],
        }
        for text, values in cases.items():
            for value in values:
                with self.subTest(value=value):
                    self.assertEqual(text, table.for_people(value))


class TestAligned(TestCase):
    def test_numbers_of_a_column_line_up(self) -> None:
        rows = [("a", 1, 10.5), ("b", None, 2), ("c", 100, math.inf)]
        self.assertEqual(
            [
                ["a", "       1", "     10.5"],
                ["b", "       -", "      2.0"],
                ["c", "     100", "unbounded"],
            ],
            table.aligned(("Name", "Size GiB", "Free"), rows),
        )

    def test_a_column_with_words_in_it_stays_as_it_is(self) -> None:
        self.assertEqual([["1"], ["many"]], table.aligned(("Count",), [(1,), ("many",)]))

    def test_truth_is_no_number(self) -> None:
        self.assertEqual([["yes"], ["-"]], table.aligned(("Thin",), [(True,), (None,)]))

    def test_no_rows_are_no_rows(self) -> None:
        self.assertEqual([], table.aligned(("A", "B"), []))


class TestTextTable(TestCase):
    def test_columns_are_as_wide_as_their_widest_cell(self) -> None:
        self.assertEqual(
            ["  Pool   why", "  -----  ---", "  h@b#1  no", "  h      yes"],
            table.text_table(["Pool", "why"], [["h@b#1", "no"], ["h", "yes"]]),
        )


class TestSortKey(TestCase):
    def test_numbers_then_words_then_nothing(self) -> None:
        self.assertEqual([2, 10, "a", "b", None], sorted(["b", None, 10, "a", 2], key=table.sort_key))
