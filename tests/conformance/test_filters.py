"""Every filter that is shipped keeps to the laws."""

from __future__ import annotations

from tests import TestCase
from volsched import testing


class TestAvailabilityZone(testing.FilterConformance, TestCase):
    plugin_name = "availability_zone"


class TestCapabilities(testing.FilterConformance, TestCase):
    plugin_name = "capabilities"


class TestCapacity(testing.FilterConformance, TestCase):
    plugin_name = "capacity"


class TestDifferentBackend(testing.FilterConformance, TestCase):
    plugin_name = "different_backend"


class TestDriver(testing.FilterConformance, TestCase):
    plugin_name = "driver"


class TestIgnoreAttemptedHosts(testing.FilterConformance, TestCase):
    plugin_name = "ignore_attempted_hosts"


class TestInstanceLocality(testing.FilterConformance, TestCase):
    plugin_name = "instance_locality"


class TestJson(testing.FilterConformance, TestCase):
    plugin_name = "json"


class TestSameBackend(testing.FilterConformance, TestCase):
    plugin_name = "same_backend"
