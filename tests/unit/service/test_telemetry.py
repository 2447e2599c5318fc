"""The metrics that stores and the pipeline report to the observer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from tests.stores.world import OnSQLite, a_placement, a_pool_state, an_event, created, reported, some_work
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.outbox import Outbox
from volsched.db.records import Failures
from volsched.db.work import WorkQueue
from volsched.exceptions import ClaimConflict, PluginError
from volsched.model.inconsistency import Inconsistency
from volsched.model.parsing import ParsedReport
from volsched.model.report import CapabilityReport
from volsched.model.work import Outcome
from volsched.placement.watchdog import Watchdog
from volsched.service.metrics import Metrics
from volsched.testing import a_pool_table, a_request

DECISION = {"rejected": {"capacity": 3}, "conflicts": 1}


class TestTelemetry(OnSQLite):
    def setUp(self) -> None:
        super().setUp()
        self.metrics = Metrics()
        self.work = WorkQueue(self.database, self.metrics)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"volsched_{name}", labels)

    @property
    def registry(self) -> CollectorRegistry:
        return self.metrics.registry

    def test_taken_over_work_is_counted_and_timed_once(self) -> None:
        self.work.add(some_work("w1"))
        self.assertIsNotNone(self.work.take(["scheduler"], "doomed", 5))
        self.assertIsNone(self.value("lease_takeovers_total", queue="scheduler"))
        self.clock.forward(6)
        work = self.work.take(["scheduler"], "me", 5)
        assert work is not None
        self.assertTrue(work.taken_over)
        self.assertEqual(1, self.value("lease_takeovers_total", queue="scheduler"))
        self.work.finish(work.lease, Outcome(events=(an_event(payload={"took_ms": 5}),)))
        self.assertEqual(1, self.value("work_seconds_count", queue="scheduler", operation="create"))
        self.assertEqual(1, self.value("storage_operations_total", operation="create", outcome="end"))
        self.work.finish(work.lease, Outcome())
        self.assertEqual(1, self.value("work_seconds_count", queue="scheduler", operation="create"), "once")

    def test_first_taker_of_work_takes_nothing_over(self) -> None:
        self.work.add(some_work("w1", held_by="asker", held_seconds=5))
        self.clock.forward(6)
        late = self.work.take(["scheduler"], "me", 5)
        assert late is not None
        self.assertTrue(late.taken_over)
        self.work.add(some_work("w2", "v2", queue="agent:h@b"))
        first = self.work.take(["agent:h@b"], "me", 5)
        assert first is not None
        self.assertFalse(first.taken_over)

    def test_start_events_are_counted(self) -> None:
        self.work.add(some_work("w1"))
        self.work.take(["scheduler"], "me", 5, lambda work: [an_event(event_type="scheduler.create_volume.start")])
        self.assertEqual(1, self.value("events_total", event_type="scheduler.create_volume.start", priority="info"))

    def test_claims_and_decisions_are_counted_where_the_claim_succeeds(self) -> None:
        claims = Claims(self.database, self.metrics)
        reported(self.database, a_pool_state(total_gb=20))
        created(self.database, "v1", "v2")
        end = an_event(
            event_type="scheduler.create_volume.end", payload={"driver": "filter", "took_ms": 4, "decision": DECISION}
        )
        claims.claim(a_placement(events=(end,)))
        with self.assertRaises(ClaimConflict):
            claims.claim(a_placement("v2", 15, events=(an_event("e2"),)))
        self.assertEqual(1, self.value("claims_total"))
        answered = {"operation": "create_volume", "driver": "filter", "outcome": "placed"}
        self.assertEqual(
            (1, 0.004), (self.value("decisions_total", **answered), self.value("decision_seconds_sum", **answered))
        )
        self.assertEqual(
            (3, 1), (self.value("filter_rejections_total", filter="capacity"), self.value("claim_conflicts_total"))
        )
        self.assertIsNone(
            self.value("storage_operations_total", operation="create", outcome="end"), "it did not become true"
        )

    def test_refusals_are_counted_once(self) -> None:
        failures = Failures(self.database, self.metrics)
        payload = {"driver": "filter", "took_ms": 4, "error": "NoValidBackend", "decision": DECISION}
        event = an_event(event_type="scheduler.create_volume", payload=payload)
        for _ in range(2):
            failures.record(volume_id=None, status=None, event=event, message=None, decision=None)
        refused = {"operation": "create_volume", "driver": "filter", "outcome": "refused"}
        self.assertEqual(1, self.value("decisions_total", **refused))

    def test_event_with_unusable_values_is_logged_and_not_counted(self) -> None:
        with self.assertLogs("volsched.service.metrics", "WARNING"):
            Outbox(self.database, self.metrics).emit(
                an_event(event_type="scheduler.create_volume.end", payload={"took_ms": "long"})
            )

    def test_reports_are_counted_by_outcome(self) -> None:
        backends = Backends(self.database, observer=self.metrics)
        report = CapabilityReport(service_name="volume", host="h@b", capabilities={}, timestamp=self.clock())
        parsed = ParsedReport(backend_id="h@b", pools=(a_pool_state(),), set_aside=(("h@b#x", "no name"),))
        self.assertTrue(backends.record(report, parsed))
        late = replace(report, timestamp=report.timestamp - timedelta(seconds=1))
        self.assertFalse(backends.record(late, parsed))
        self.assertEqual((1, 1), tuple(self.value("reports_total", outcome=it) for it in ("applied", "out_of_date")))
        self.assertEqual(2, self.value("report_items_set_aside_total"))

    def test_inconsistencies_are_counted_by_check(self) -> None:
        found = [
            Inconsistency(check="b", subject="v1", what="", fix=""),
            Inconsistency(check="b", subject="v2", what="", fix=""),
        ]
        self.metrics.audited(["a", "b"], found)
        self.assertEqual((0, 2), (self.value("drift", check="a"), self.value("drift", check="b")))
        self.metrics.audited(["a", "b"], found[:1])
        self.assertEqual(1, self.value("drift", check="b"))
        self.assertLess(0, self.value("audit_timestamp_seconds") or 0)

    def test_decision_is_timed_where_a_plugin_fails(self) -> None:
        class Broken:
            needs: frozenset[str] = frozenset({"x"})

            def place(self, *arguments: object) -> Any:
                raise PluginError("rack", "broke")

        chooser = Watchdog(Broken(), [], slow_seconds=60, observer=self.metrics)  # type: ignore[arg-type]
        self.assertEqual({"x"}, chooser.needs)
        with self.assertRaises(PluginError), self.assertLogs("volsched.placement.watchdog", "ERROR"):
            chooser.place(a_request(), a_pool_table().candidates())
        self.assertEqual(1, self.value("choosing_seconds_count"))

    def test_end_of_other_work_is_not_timed(self) -> None:
        self.work.add(some_work("w1"))
        work = self.work.take(["scheduler"], "me", 5)
        assert work is not None
        self.metrics.work_finished(replace(work.lease, work_id="another"), Outcome())
        self.assertIsNone(self.value("work_seconds_count", queue="scheduler", operation="create"))

    def test_abandoned_work_is_not_timed(self) -> None:
        self.work.add(some_work("w1"))
        self.work.take(["scheduler"], "me", 5)
        self.assertIsNone(self.work.take(["scheduler"], "me", 5))
        self.assertIsNone(self.value("work_seconds_count", queue="scheduler", operation="create"))
