"""The store of backends: reports, services, and operator settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.stores.world import POOL, World, a_pool_state, at, claimed, reported
from volsched.db.backends import Backends, Cordon
from volsched.exceptions import BackendNotFound, PoolNotFound
from volsched.model.parsing import ParsedReport
from volsched.model.report import CapabilityReport, ServiceState
from volsched.model.request import Operation


class BackendsContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.backends = Backends(self.database, down_after_seconds=60)

    def record(self, capabilities: Any, *, host: str = "h@b", kind: str = "volume", **more: Any) -> None:
        report = CapabilityReport(service_name=kind, host=host, capabilities=capabilities, timestamp=at(0), **more)
        self.backends.record(report, ParsedReport(backend_id=report.backend_id, pools=(), set_aside=()))

    def test_a_report_becomes_figures_and_room(self) -> None:
        thin = a_pool_state(
            total_gb=100.0,
            free_gb=60.0,
            allocated_gb=40.0,
            provisioned_gb=150.0,
            reserved_percentage=10.0,
            max_over_subscription_ratio=2.0,
            thin=True,
        )
        unbounded = a_pool_state("h@b#q", total_gb=math.inf, free_gb=math.nan)
        self.assertTrue(reported(self.database, thin, unbounded, set_aside=(("h@b#r", "free is text"),)))
        backend = self.backends.show("h@b")
        self.assertEqual((("h@b#r", "free is text"),), backend.problems)
        self.assertEqual((at(0), at(0)), (backend.reported_at, backend.received_at))
        first, second = backend.pools
        self.assertEqual(first, self.backends.pool(POOL))
        self.assertEqual([first, second], self.backends.pools())
        self.assertEqual((30.0, -60.0, 100.0), (first.room_thin_gb, first.room_thick_gb, first.total_gb))
        self.assertEqual(
            (None, None, None, None), (second.room_thin_gb, second.room_thick_gb, second.total_gb, second.free_gb)
        )

    def test_a_report_is_kept_as_it_arrived(self) -> None:
        for number, capabilities in enumerate(
            ({"pools": [{"a": math.inf, "b": "x\x00"}]}, [1, "text"], "no mapping", None, {"ü": {"deep": [None, True]}})
        ):
            with self.subTest(capabilities=capabilities):
                self.record(capabilities, host=f"h{number}@b")
                [report] = [each for each in self.backends.reports() if each.host == f"h{number}@b"]
                self.assertEqual(
                    (capabilities, at(0), "volume"), (report.capabilities, report.timestamp, report.service_name)
                )

    def test_reports_that_are_known_are_left_out(self) -> None:
        for name in ("h1@b", "h2@b"):
            self.record({"of": name}, host=name)
        known = {("volume", "h1@b"): at(0), ("volume", "h2@b"): at(-1), ("backup", "h2@b"): at(0)}
        self.assertEqual(["h2@b"], [report.host for report in self.backends.reports(known)])
        self.assertEqual([], self.backends.reports({**known, ("volume", "h2@b"): at(0)}))
        self.assertEqual(2, len(self.backends.reports()))

    def test_what_cannot_be_kept_is_described(self) -> None:
        endless: dict[str, Any] = {}
        endless["self"] = endless
        for number, capabilities in enumerate((endless, {(1, 2): 3}, {"set": {1}, "thing": object()})):
            self.record(capabilities, host=f"h{number}@b")
        self.assertEqual(3, len(self.backends.reports()))

    def test_services_are_up_while_they_are_heard_of(self) -> None:
        self.backends.heartbeat("h@b", zone="z1")
        self.backends.heartbeat("h2@b", cluster_name="c@b", zone="z2")
        self.backends.heartbeat("h3", kind="backup")
        self.clock.forward(50)
        self.backends.heartbeat("h@b")
        self.backends.heartbeat("h4@b", cluster_name="c@b")
        self.clock.forward(11)
        self.assertEqual(
            [
                ServiceState(host="h3", zone=None, up=False, kind="backup"),
                ServiceState(host="h4@b", cluster_name="c@b", zone="z2"),
                ServiceState(host="h@b", zone="z1"),
            ],
            self.backends.services(),
        )
        self.assertEqual("backup", self.backends.show("h3", kind="backup").kind)

    def test_a_report_is_a_sign_of_life_even_when_it_is_late(self) -> None:
        reported(self.database, when=at(10))
        self.clock.forward(100)
        self.assertFalse(self.backends.show("h@b").up)
        reported(self.database, when=at(5))
        self.assertTrue(self.backends.show("h@b").up)

    def test_what_the_operator_decided_stays(self) -> None:
        reported(self.database)
        self.backends.set_disabled("h@b", True, "disks")
        self.backends.set_frozen("h@b", True)
        self.backends.heartbeat("h@b")
        reported(self.database, when=at(1))
        [service] = self.backends.services()
        self.assertEqual((True, "disks", True), (service.disabled, service.disabled_reason, service.frozen))
        self.backends.set_disabled("h@b", False)
        self.backends.set_frozen("h@b", False)
        [service] = self.backends.services()
        self.assertEqual((False, None, False), (service.disabled, service.disabled_reason, service.frozen))

    def test_a_cordoned_pool_stays_so(self) -> None:
        reported(self.database)
        closed = (Operation.CREATE, Operation.EXTEND)
        self.backends.cordon(POOL, closed, reason="disks", until=at(99))
        self.backends.cordon(POOL, [Operation.EXTEND], reason="more disks")
        reported(self.database, when=at(1))
        self.assertEqual(
            (
                Cordon(operation=Operation.CREATE, reason="disks", until=at(99)),
                Cordon(operation=Operation.EXTEND, reason="more disks"),
            ),
            self.backends.pool(POOL).cordons,
        )
        self.backends.uncordon(POOL, [Operation.CREATE])
        self.assertEqual([Operation.EXTEND], [each.operation for each in self.backends.pool(POOL).cordons])
        self.backends.uncordon(POOL)
        self.assertEqual((), self.backends.pool(POOL).cordons)

    def test_a_pool_that_is_gone_keeps_its_claims(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        claimed(self.database)
        reported(self.database, a_pool_state("h@b#q"), when=at(1))
        pool = self.backends.pool(POOL)
        self.assertEqual((False, 10.0), (pool.present, pool.pending_gb))
        reported(self.database, when=at(2))
        pool = self.backends.pool(POOL)
        self.assertEqual((True, 10.0), (pool.present, pool.pending_gb))

    def test_the_unknown_is_named(self) -> None:
        with self.assertRaisesRegex(BackendNotFound, "no backend 'none'; volsched backend list"):
            self.backends.show("none")
        with self.assertRaises(BackendNotFound):
            self.backends.set_disabled("none", True)
        with self.assertRaises(BackendNotFound):
            self.backends.set_frozen("none", True)
        asked: tuple[Callable[[], object], ...] = (
            lambda: self.backends.pool("none"),
            lambda: self.backends.uncordon("none"),
            lambda: self.backends.cordon("none", Operation),
        )
        for ask in asked:
            with self.assertRaisesRegex(PoolNotFound, "no pool 'none'; volsched pool list"):
                ask()

    def test_listing(self) -> None:
        reported(self.database, a_pool_state("h2@b#p"))
        reported(self.database)
        self.assertEqual(["h2@b", "h@b"], [backend.backend_id for backend in self.backends.list()])
        self.assertEqual([["h2@b#p"], ["h@b#p"]], [[p.pool_id for p in each.pools] for each in self.backends.list()])
