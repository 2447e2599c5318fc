"""The number of hops and parses of a create request, which `tools.count_hops` counts."""

from __future__ import annotations

from tests import TestCase
from tools import count_hops
from volsched.flows.create_volume import ExtractSchedulerSpecTask, ScheduleCreateVolumeTask

MOST_HOPS = 12
TASKS = (ExtractSchedulerSpecTask, ScheduleCreateVolumeTask)
STORED, CLAIMED = count_hops.ENDS


class TestCountHops(TestCase):
    def test_a_create_request_takes_few_hops_and_is_parsed_once(self) -> None:
        found = count_hops.count_hops(self.folder())
        self.assertLessEqual(found.count, MOST_HOPS, count_hops.report(found))
        self.assertGreaterEqual(found.count, len(count_hops.ENDS), "nothing was counted")
        parses = {end: {kind: count for kind, count in kinds.items() if count} for end, kinds in found.parses.items()}
        self.assertEqual({}, parses[STORED], "the API creates values, and parses none")
        self.assertEqual(1, parses[CLAIMED]["request_from"])
        for kind in ("Volume", "Lease"):
            self.assertLessEqual(parses[CLAIMED][kind], len(TASKS), "each task of the flow checks its own plain inputs")
        started = "volsched.scheduler.worker:"
        self.assertTrue(found.ways[CLAIMED][0].startswith(started), "the way began before the scheduler took the work")
