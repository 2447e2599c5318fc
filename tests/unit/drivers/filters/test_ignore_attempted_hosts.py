"""Pools that were tried."""

from __future__ import annotations

from tests import TestCase
from volsched.model.request import Retry
from volsched.testing.builders import a_pool_table, a_request
from volsched_drivers.filters.ignore_attempted_hosts import IgnoreAttemptedHostsFilter


class IgnoreAttemptedHostsFilterTest(TestCase):
    def test_only_pools_that_were_tried_are_turned_away(self) -> None:
        """F12: pools, not backends."""
        tried = Retry(num_attempts=2, backends=("node1@disk#pool1", "node9@gone#x"))
        screening = IgnoreAttemptedHostsFilter().screen(a_request(retry=tried), a_pool_table(3).candidates())
        self.assertEqual([True, False, True], screening.passed.tolist())
        self.assertEqual("tried by one of 2 earlier attempts", screening.why(1))

    def test_a_first_attempt(self) -> None:
        for retry in (None, Retry(num_attempts=1)):
            screening = IgnoreAttemptedHostsFilter().screen(a_request(retry=retry), a_pool_table(3).candidates())
            self.assertTrue(screening.passed.all())
