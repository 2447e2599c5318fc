"""What the benchmarks say of the figures that they measured. Nothing is measured here."""

from __future__ import annotations

import json
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.__main__ import main, table
from tests import TestCase


def results(ratio: float = 250.0, *, same: bool = True, help_ms: float = 200.0) -> dict[str, Any]:
    row = {"work": "decision", "plugins": "default", "pools": 1_000, "ratio": ratio, "same_choice": same}
    return {
        "against_cinder": [row, {**row, "pools": 100}],
        "startup": [{"command": "volsched --help", "wall_min_ms": help_ms}],
    }


class VerdictsTest(TestCase):
    def test_a_target_is_met_or_missed(self) -> None:
        for made, word in ((results(), "met"), (results(199.0), "MISSED"), (results(same=False), "MISSED")):
            with self.subTest(made=made):
                self.assertEqual({"met", word}, {row[""] for row in figures.verdicts(made)})

    def test_what_has_no_target_has_no_verdict(self) -> None:
        figured = [row["figure"] for row in figures.verdicts(results())]
        self.assertNotIn("decision, default plugins, 100 pools: times as fast", figured)
        self.assertIn("decision, default plugins, 100 pools: other choices", figured)

    def test_nothing_measured_is_nothing_said(self) -> None:
        self.assertEqual([], figures.verdicts({"machine": {}}))

    def test_rows_are_shown_below_each_other(self) -> None:
        self.assertEqual(
            ["   a    b", "   1  2.5", "  10  yes"], table([{"a": 1, "b": 2.5}, {"a": 10, "b": "yes"}]).split("\n")
        )


class ComparingTest(TestCase):
    def compared(self, old: dict[str, Any], new: dict[str, Any], *more: str) -> tuple[int, str]:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        files = []
        for name, made in (("old", old), ("new", new)):
            files.append(folder / f"{name}.json")
            files[-1].write_text(json.dumps(made))
        with redirect_stdout(StringIO()) as said:
            return main(["compare", *map(str, files), *more]), said.getvalue()

    def test_a_regression_is_a_status(self) -> None:
        cases = (
            (results(), results(230.0), 0),  # within the tolerance
            (results(), results(150.0), 1),
            (results(), results(500.0), 0),
            (results(), results(help_ms=300.0), 1),
            (results(), results(same=False), 1),
            (results(same=False), results(), 0),
        )
        for old, new, status in cases:
            with self.subTest(new=new):
                self.assertEqual(status, self.compared(old, new)[0])
        self.assertEqual(0, self.compared(results(), results(150.0), "--tolerance", "0.8")[0])

    def test_both_figures_and_a_word_are_told(self) -> None:
        said = self.compared(results(), results(150.0))[1]
        self.assertRegex(said, r"1000 pools: times as fast +250 +150 +WORSE\n")
        self.assertIn("2 of 5 figures are worse by more than 25%", said)
