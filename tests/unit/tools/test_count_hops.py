"""The number of hops and parses of a create request, which `tools.count_hops` counts."""

from __future__ import annotations

from tests import TestCase
from tools import count_hops

MOST_HOPS = 12
STORED, CLAIMED = count_hops.ENDS


class TestCountHops(TestCase):
    def test_a_create_request_takes_few_hops_and_one_parse_a_process(self) -> None:
        found = count_hops.count_hops(self.folder())
        self.assertLessEqual(found.count, MOST_HOPS, count_hops.report(found))
        self.assertGreaterEqual(found.count, len(count_hops.ENDS), "nothing was counted")
        parses = {end: {kind: count for kind, count in kinds.items() if count} for end, kinds in found.parses.items()}
        self.assertEqual({}, parses[STORED], "the API creates values, and parses none")
        self.assertEqual({"request_from": 1, "Volume": 1, "Lease": 1}, parses[CLAIMED])
