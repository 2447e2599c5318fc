from __future__ import annotations

import io
import math

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.cli import bars

AMOUNTS = st.floats(min_value=0, max_value=1e6)


class TestBar(TestCase):
    def test_bars_are_drawn_to_scale(self) -> None:
        cases = {
            (0, 10): "..........",
            (5, 10): "#####.....",
            (10, 10): "##########",
            (12, 10): "##########",
            (0.01, 10): "#.........",  # something is taken
            (9.99, 10): "#########.",  # something is left
            (3, 0): "..........",
            (3, math.inf): "..........",
            (math.nan, 10): "..........",
        }
        for (taken, limit), drawn in cases.items():
            with self.subTest(taken=taken, limit=limit):
                self.assertEqual(drawn, bars.bar(taken, limit, bars.ASCII, width=10))

    @given(AMOUNTS, AMOUNTS)
    def test_every_bar_has_its_width_and_is_full_only_when_all_is_taken(self, taken: float, limit: float) -> None:
        drawn = bars.bar(taken, limit, bars.ASCII, width=10)
        self.assertEqual(10, len(drawn))
        if limit > 0:
            self.assertEqual(taken >= limit, "." not in drawn)


class TestMarks(TestCase):
    def test_a_stream_that_cannot_show_blocks_gets_ascii(self) -> None:
        cases = {"utf-8": bars.BLOCKS, "ascii": bars.ASCII, "latin-1": bars.ASCII}
        for encoding, marks in cases.items():
            with self.subTest(encoding), io.TextIOWrapper(io.BytesIO(), encoding=encoding) as stream:
                self.assertEqual(marks, bars.marks_for(stream))

    def test_a_stream_without_an_encoding_gets_ascii(self) -> None:
        self.assertEqual(bars.ASCII, bars.marks_for(io.StringIO()))
