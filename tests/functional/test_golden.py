"""Every recorded decision of Cinder is reproduced, or differs intentionally."""

from __future__ import annotations

import lzma
from pathlib import Path

from tests import TestCase
from tools.parity.cases import cases_of
from tools.parity.running import Tally, Verdict, findings

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


class TestGolden(TestCase):
    def replayed(self, name: str) -> Tally:
        tally = Tally()
        for case in cases_of(GOLDEN / name):
            for finding in findings(case):
                tally.add(finding)
                self.assertIn(finding.verdict, (Verdict.AGREES, Verdict.DELIBERATE), finding.line())
        return tally

    def test_scheduling(self) -> None:
        tally = self.replayed("cases.jsonl.xz")
        self.assertGreaterEqual(tally.counts[Verdict.AGREES], 2150, "fewer agree than did once")

    def test_expressions(self) -> None:
        tally = self.replayed("expressions.jsonl.xz")
        self.assertGreaterEqual(tally.counts[Verdict.AGREES], 299)

    def test_the_records_are_whole(self) -> None:
        for name, count in (("cases.jsonl.xz", 400), ("expressions.jsonl.xz", 300)):
            with lzma.open(GOLDEN / name, "rt") as lines:
                self.assertEqual(count, sum(1 for _ in lines))
