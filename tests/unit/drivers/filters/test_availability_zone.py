"""Zones."""

from __future__ import annotations

from typing import Any

from tests import TestCase
from volsched.testing.builders import a_pool, a_pool_table, a_request
from volsched_drivers.filters.availability_zone import AvailabilityZoneFilter

POOLS = a_pool_table(a_pool("a", zone="z1"), a_pool("b", zone="z2"), a_pool("c", zone=None), a_pool("d", zone="z1"))


class AvailabilityZoneFilterTest(TestCase):
    def passed(self, **asked: Any) -> str:
        candidates = POOLS.candidates()
        screening = AvailabilityZoneFilter().screen(a_request(**asked), candidates)
        return "".join(pool.name for pool in candidates.take(screening.passed))

    def test_no_zone_asked(self) -> None:
        self.assertEqual("abcd", self.passed())
        self.assertEqual("abcd", self.passed(zone=""))

    def test_one_zone(self) -> None:
        self.assertEqual("ad", self.passed(zone="z1"))
        self.assertEqual("", self.passed(zone="z"))

    def test_any_of_several(self) -> None:
        self.assertEqual("abd", self.passed(zones=("z1", "z2")))
        self.assertEqual("b", self.passed(zones=("z2",), zone="z1"))

    def test_no_part_of_a_name_matches(self) -> None:
        """F06: for Cinder a text of zones holds every part of it."""
        self.assertEqual("", self.passed(zones=("z1,z2",)))

    def test_the_zone_of_a_volume_without_zone(self) -> None:
        """H26: what is asked on a retype of a volume without a zone matches services without one."""
        self.assertEqual("c", self.passed(zones=(None,)))

    def test_the_reason(self) -> None:
        screening = AvailabilityZoneFilter().screen(a_request(zones=("z2", "z3")), POOLS.candidates())
        self.assertEqual("in zone z1, requested: z2 or z3", screening.why(0))
        self.assertEqual("in zone None, requested: z2 or z3", screening.why(2))
