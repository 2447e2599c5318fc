"""Every scheduler driver that is shipped keeps to the laws."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint

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


class TestDirect(testing.SchedulerConformance, TestCase):
    """A driver that implements the abstract methods of the interface alone; it is published by a package of its own."""

    plugin_name = "direct"

    def entry_points(self) -> Sequence[EntryPoint]:
        return (EntryPoint("direct", "tests.thirdparty.direct.direct:DirectScheduler", self.group),)
