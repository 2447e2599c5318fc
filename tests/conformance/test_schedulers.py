"""Every scheduler driver that is shipped keeps to the laws."""

from __future__ import annotations

from tests import TestCase
from volsched import testing


class TestFilter(testing.SchedulerConformance, TestCase):
    plugin_name = "filter"


class TestChance(testing.SchedulerConformance, TestCase):
    plugin_name = "chance"


class TestBestFit(testing.SchedulerConformance, TestCase):
    plugin_name = "best_fit"


class TestShadow(testing.SchedulerConformance, TestCase):
    plugin_name = "shadow"
