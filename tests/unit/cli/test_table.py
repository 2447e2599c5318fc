from __future__ import annotations

import io
import math

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.cli import table

AMOUNTS = st.floats(min_value=0, max_value=1e6)


class TestForPeople(TestCase):
    def test_values_are_readable_text(self) -> None:
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
    def test_numbers_of_a_column_are_aligned(self) -> None:
        rows = [("a", 1, 10.5), ("b", None, 2), ("c", 100, math.inf)]
        self.assertEqual(
            [
                ["a", "       1", "     10.5"],
                ["b", "       -", "      2.0"],
                ["c", "     100", "unbounded"],
            ],
            table.aligned(("Name", "Size GiB", "Free"), rows),
        )

    def test_a_column_with_text_is_not_aligned(self) -> None:
        self.assertEqual([["1"], ["many"]], table.aligned(("Count",), [(1,), ("many",)]))

    def test_booleans_are_not_numbers(self) -> None:
        self.assertEqual([["yes"], ["-"]], table.aligned(("Thin",), [(True,), (None,)]))

    def test_no_rows_give_no_lines(self) -> None:
        self.assertEqual([], table.aligned(("A", "B"), []))


class TestTextTable(TestCase):
    def test_columns_are_as_wide_as_their_widest_cell(self) -> None:
        self.assertEqual(
            ["  Pool   why", "  -----  ---", "  h@b#1  no", "  h      yes"],
            table.text_table(["Pool", "why"], [["h@b#1", "no"], ["h", "yes"]]),
        )


class TestSortKey(TestCase):
    def test_numbers_sort_before_texts_and_absent_values_last(self) -> None:
        self.assertEqual([2, 10, "a", "b", None], sorted(["b", None, 10, "a", 2], key=table.sort_key))


class TestBar(TestCase):
    def test_bars_are_to_scale(self) -> None:
        cases = {
            (0, 10): "..........",
            (5, 10): "#####.....",
            (10, 10): "##########",
            (12, 10): "##########",
            (0.01, 10): "#.........",  # the least part taken is one character
            (9.99, 10): "#########.",  # the least part free is one character
            (3, 0): "..........",
            (3, math.inf): "..........",
            (math.nan, 10): "..........",
        }
        for (taken, limit), drawn in cases.items():
            with self.subTest(taken=taken, limit=limit):
                self.assertEqual(drawn, table.bar(taken, limit, table.ASCII, width=10))

    @given(AMOUNTS, AMOUNTS)
    def test_every_bar_has_its_width_and_is_full_only_when_all_is_taken(self, taken: float, limit: float) -> None:
        drawn = table.bar(taken, limit, table.ASCII, width=10)
        self.assertEqual(10, len(drawn))
        if limit > 0:
            self.assertEqual(taken >= limit, "." not in drawn)


class TestMarks(TestCase):
    def test_a_stream_that_cannot_encode_blocks_gets_ascii(self) -> None:
        cases = {"utf-8": table.BLOCKS, "ascii": table.ASCII, "latin-1": table.ASCII}
        for encoding, marks in cases.items():
            with self.subTest(encoding), io.TextIOWrapper(io.BytesIO(), encoding=encoding) as stream:
                self.assertEqual(marks, table.marks_for(stream))

    def test_a_stream_without_an_encoding_gets_ascii(self) -> None:
        self.assertEqual(table.ASCII, table.marks_for(io.StringIO()))
