"""The store of quotas: no limit is exceeded, and usage stays consistent."""

from __future__ import annotations

import threading

from tests.stores.world import World, created
from volsched.db.quotas import Quotas, Usage
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.exceptions import InvalidRequest, QuotaExceeded


class QuotasContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.quotas = Quotas(self.database, reservation_seconds=60)

    def usage(self, resource: str, project_id: str = "p1") -> tuple[int, int, int]:
        """limit, used, reserved"""
        [found] = [usage for usage in self.quotas.usage(project_id) if usage.resource == resource]
        return found.limit, found.used, found.reserved

    def test_without_a_limit_everything_goes(self) -> None:
        self.quotas.reserve("p1", volumes=1000, gigabytes=1 << 30)
        self.assertEqual((-1, 0, 1 << 30), self.usage("gigabytes"))

    def test_rows_and_reservations_count(self) -> None:
        self.quotas.set_limit("p1", "gigabytes", 35)
        created(self.database, "v1", "v2", size_gb=10)
        created(self.database, "other", size_gb=10, project_id="p2")
        reservation = self.quotas.reserve("p1", volumes=1, gigabytes=10)
        self.assertEqual((35, 20, 10), self.usage("gigabytes"))
        with self.assertRaises(QuotaExceeded) as caught:
            self.quotas.reserve("p1", volumes=1, gigabytes=6)
        refused = caught.exception
        self.assertEqual(
            ("gigabytes", 35, 20, 10, 6),
            (refused.resource, refused.limit, refused.used, refused.reserved, refused.asked),
        )
        self.quotas.cancel(reservation)
        self.quotas.cancel(reservation)
        self.quotas.commit("unknown")
        self.quotas.reserve("p1", volumes=1, gigabytes=15)

    def test_a_committed_reservation_is_counted_by_its_row(self) -> None:
        self.quotas.set_limit("p1", "volumes", 1)
        reservation = self.quotas.reserve("p1", volumes=1, gigabytes=10)
        created(self.database, "v1")
        self.quotas.commit(reservation)
        self.assertEqual((1, 1, 0), self.usage("volumes"))
        Volumes(self.database).remove("v1")
        self.assertEqual((1, 0, 0), self.usage("volumes"))

    def test_a_reservation_that_nobody_ended_expires(self) -> None:
        self.quotas.set_limit("p1", "volumes", 1)
        self.quotas.reserve("p1", volumes=1, gigabytes=1)
        self.clock.forward(59)
        with self.assertRaises(QuotaExceeded):
            self.quotas.reserve("p1", volumes=1, gigabytes=1)
        self.assertEqual(0, self.quotas.expire())
        self.clock.forward(2)
        self.quotas.reserve("p1", volumes=1, gigabytes=1)
        self.assertEqual(1, self.quotas.expire())

    def test_a_limit_of_one_type(self) -> None:
        fast = VolumeTypes(self.database).create("fast").id
        self.quotas.set_limit("p1", "volumes", 1, fast)
        self.quotas.reserve("p1", volumes=1, gigabytes=1, volume_type_id=fast)
        self.quotas.reserve("p1", volumes=1, gigabytes=1)
        with self.assertRaisesRegex(QuotaExceeded, f"volumes of volume type {fast}"):
            self.quotas.reserve("p1", volumes=1, gigabytes=1, volume_type_id=fast)
        self.assertIn(Usage(resource="volumes", limit=1, used=0, reserved=1), self.quotas.usage("p1", fast))

    def test_a_retype_counts_for_the_new_type_only(self) -> None:
        fast = str(VolumeTypes(self.database).create("fast").id)
        created(self.database, "v1", size_gb=10)
        self.quotas.set_limit("p1", "volumes", 1)
        self.quotas.set_limit("p1", "gigabytes", 10, fast)
        reservation = self.quotas.reserve_retype("p1", gigabytes=10, volume_type_id=fast)
        self.assertEqual((1, 1, 0), self.usage("volumes"))
        with self.assertRaisesRegex(QuotaExceeded, f"gigabytes of volume type {fast}"):
            self.quotas.reserve_retype("p1", gigabytes=10, volume_type_id=fast)
        self.quotas.cancel(reservation)
        self.assertEqual((1, 1, 0), self.usage("volumes"))
        self.quotas.reserve_retype("p1", gigabytes=10, volume_type_id=fast)
        self.clock.forward(61)
        self.assertEqual(2, self.quotas.expire())

    def test_the_default_holds_until_a_project_has_its_own(self) -> None:
        self.quotas = Quotas(self.database, defaults={"volumes": 1})
        self.quotas.reserve("p1", volumes=1, gigabytes=1)
        with self.assertRaises(QuotaExceeded):
            self.quotas.reserve("p1", volumes=1, gigabytes=1)
        self.quotas.set_limit("p1", "volumes", 2)
        self.quotas.reserve("p1", volumes=1, gigabytes=1)
        self.quotas.set_limit("p1", "volumes", None)
        self.assertEqual((1, 0, 2), self.usage("volumes"))
        self.quotas.set_limit("p1", "volumes", -1)
        self.quotas.reserve("p1", volumes=9, gigabytes=1)

    def test_what_takes_nothing_is_never_refused(self) -> None:
        self.quotas.set_limit("p1", "gigabytes", 0)
        self.quotas.reserve("p1", volumes=1, gigabytes=0)

    def test_a_limit_that_is_none(self) -> None:
        for resource, limit, field in (("snapshots", 1, "resource"), ("volumes", -2, "limit")):
            with self.subTest(resource=resource), self.assertRaisesRegex(InvalidRequest, f"^{field}: "):
                self.quotas.set_limit("p1", resource, limit)

    def test_reservations_at_the_same_time_do_not_pass_the_limit(self) -> None:
        refused: list[QuotaExceeded] = []
        together = threading.Barrier(4)

        def reserve() -> None:
            quotas = Quotas(self.in_this_world(clock=self.clock, patience_seconds=60), defaults={"gigabytes": 50})
            together.wait()
            for _ in range(4):
                try:
                    quotas.reserve("p1", volumes=1, gigabytes=10)
                except QuotaExceeded as refusal:
                    refused.append(refusal)

        threads = [threading.Thread(target=reserve) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((50, 11), (self.usage("gigabytes")[2], len(refused)))
