"""Every weigher and weight handler that is shipped keeps to the laws."""

from __future__ import annotations

from tests import TestCase
from volsched import testing


class TestAllocatedCapacity(testing.WeigherConformance, TestCase):
    plugin_name = "allocated_capacity"


class TestCapacity(testing.WeigherConformance, TestCase):
    plugin_name = "capacity"


class TestCapacityPacking(testing.WeigherConformance, TestCase):
    plugin_name = "capacity"
    config = {"capacity_weight_multiplier": -1.0}  # noqa: RUF012 - as an author writes it


class TestChance(testing.WeigherConformance, TestCase):
    plugin_name = "chance"


class TestGoodness(testing.WeigherConformance, TestCase):
    plugin_name = "goodness"


class TestVolumeNumber(testing.WeigherConformance, TestCase):
    plugin_name = "volume_number"


class TestOrdered(testing.WeightHandlerConformance, TestCase):
    plugin_name = "ordered"


class TestStochastic(testing.WeightHandlerConformance, TestCase):
    plugin_name = "stochastic"
