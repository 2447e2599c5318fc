"""Cinder's own filters and weighers, unchanged, selected in volsched's configuration.

Cinder is no dependency: these run where it is installed, in `tox -e cinder`.
"""

from __future__ import annotations

import importlib.util
import unittest

from tests import TestCase
from volsched import conf
from volsched.loader.catalog import Catalog
from volsched.loader.kinds import FILTER, WEIGHER, WEIGHT_HANDLER
from volsched.loader.loader import load
from volsched.model.request import RequestSpec, VolumeType
from volsched.placement.pipeline import Placing
from volsched.testing.builders import a_pool, a_pool_table
from volsched.testing.installed import a_chooser

INSTALLED = importlib.util.find_spec("cinder") is not None
POOLS = a_pool_table(
    a_pool("small", free_gb=5.0, total_gb=100.0, zone="az1", capabilities={"media": "ssd"}),
    a_pool("roomy", free_gb=80.0, total_gb=100.0, zone="az1", capabilities={"media": "ssd"}),
    a_pool("large", free_gb=60.0, total_gb=100.0, zone="az1", capabilities={"media": "hdd"}),
    a_pool("away", free_gb=90.0, total_gb=100.0, zone="az2", capabilities={"media": "ssd"}),
)
REQUESTS = (
    RequestSpec(size_gb=1),
    RequestSpec(size_gb=70),
    RequestSpec(size_gb=7, zones=("az1",)),
    RequestSpec(size_gb=7, volume_type=VolumeType(name="gold", extra_specs={"media": "ssd"})),
    RequestSpec(size_gb=1000),
)


@unittest.skipUnless(INSTALLED, "cinder is not installed; `tox -e cinder` runs this")
class TestCinderPlugins(TestCase):
    """The same pools, judged by Cinder's classes through the adapters and by ours."""

    def chooser(self) -> Placing:
        file = self.folder() / "volsched.conf"
        file.write_text(
            "[scheduler]\n"
            "filters = cinder:AvailabilityZoneFilter, cinder:CapacityFilter, cinder:CapabilitiesFilter\n"
            "weighers = cinder:CapacityWeigher\n"
        )
        plugins = load(conf.load([str(file)]), Catalog.discover(), (FILTER, WEIGHER, WEIGHT_HANDLER))
        assert plugins.weight_handler is not None
        return Placing(plugins.filters, plugins.weighers, plugins.weight_handler)

    def test_they_choose_as_ours_do(self) -> None:
        theirs, ours = self.chooser(), a_chooser()
        for request in REQUESTS:
            with self.subTest(request=request):
                one, other = (chooser.place(request, POOLS.candidates()) for chooser in (theirs, ours))
                self.assertEqual([pool.pool_id for pool in other.ranked], [pool.pool_id for pool in one.ranked])
                for step, twin in zip(one.filters, other.filters, strict=True):
                    self.assertEqual(twin.screening.passed.tolist(), step.screening.passed.tolist(), step.name)

    def test_decisions_name_them(self) -> None:
        decision = self.chooser().place(REQUESTS[1], POOLS.candidates())
        self.assertIn("cinder_capacity_filter", [step.name for step in decision.filters])
        self.assertIn("CapacityFilter (Cinder)", decision.reason() + str(decision.plain()))
