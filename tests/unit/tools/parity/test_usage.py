"""Cinder's capacity notifications, replayed over our registry."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests import TestCase
from tests.unit.placement.test_registry import at, pool
from tools.parity.usage import UsageRegistry
from volsched.model.report import CapabilityReport, ServiceState
from volsched.testing.builders import NOON, a_report


def a_usage_registry(*reports: CapabilityReport) -> UsageRegistry:
    registry = UsageRegistry("20.0")
    registry.services([ServiceState(host=report.host) for report in reports])
    for report in reports:
        registry.report(report)
    return registry


class TestUsage(TestCase):
    def notified(self, registry: UsageRegistry, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        records = registry.usage_changes(a_report(*args, **kwargs))
        return [(record["type"], record["name_to_id"], record["free"]) for record in records]

    def test_an_unknown_backend_reports_all_pools(self) -> None:
        self.assertEqual(
            [("pool", "h@b#pool0", 5.0), ("pool", "h@b#pool1", 1000.0), ("backend", "h@b", 1005.0)],
            self.notified(UsageRegistry("20.0"), "h@b", [{"free_capacity_gb": 5}, {}]),
        )

    def test_a_known_one_reports_what_changed_and_the_sum(self) -> None:
        registry = a_usage_registry(a_report("h@b", [{}, {}]))
        registry.table()
        self.assertEqual(
            [("pool", "h@b#pool1", 5.0), ("backend", "h@b", 1005.0)],
            self.notified(registry, "h@b", [{}, {"free_capacity_gb": 5}], timestamp=at(60)),
        )
        self.assertEqual([], self.notified(registry, "h@b", [{}, {}], timestamp=at(-60)), "older than what is known")

    def test_a_pool_that_said_less_before_has_changed(self) -> None:
        """Cinder drops the complete report after an incomplete one, or does not, as its hashes fall."""
        bare = CapabilityReport(
            service_name="volume", host="h@b", capabilities={"pools": [{"pool_name": "pool0"}]}, timestamp=NOON
        )
        registry = a_usage_registry(bare)
        records = self.notified(registry, "h@b", [{}], timestamp=at(60))
        self.assertEqual([("pool", "h@b#pool0", 1000.0), ("backend", "h@b", 1000.0)], records)
        registry.report(a_report("h@b", [{}], timestamp=at(60)))
        self.assertEqual(1000, pool(registry, "h@b#pool0").free_gb)

    def test_unknown_capacity_adds_nothing_and_stops_nobody(self) -> None:
        records = self.notified(
            UsageRegistry("20.0"), "h@b", [{"free_capacity_gb": "unknown"}, {"total_capacity_gb": "lots"}, {}]
        )
        self.assertEqual([("pool", "h@b#pool2", 1000.0), ("backend", "h@b", 1000.0)], records)

    def test_an_incomplete_or_odd_message_reports_nothing(self) -> None:
        for pools in ([{"pool_name": None}], {"p": 1}, "pools", [None], []):
            report = CapabilityReport(service_name="volume", host="h@b", capabilities={"pools": pools}, timestamp=NOON)
            self.assertEqual((), UsageRegistry("20.0").usage_changes(report))
        self.assertEqual((), UsageRegistry("20.0").usage_changes(replace(a_report(), service_name="backup")))
