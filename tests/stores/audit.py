"""Inconsistencies of every kind, created, found, and repaired."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tests.stores.world import NOON, POOL, World, a_placement, a_pool_state, at, claimed, created, reported, some_work
from volsched.api.audit import Audit
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.quotas import Quotas
from volsched.db.schema import claims, pools, volumes, work
from volsched.db.snapshots import Snapshots
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.model.inconsistency import Inconsistency
from volsched.model.snapshot import Snapshot, SnapshotStatus
from volsched.model.volume import VolumeStatus
from volsched.model.work import WorkState

OTHER = "h@b#q"


class AuditContract(World):
    """One volume of 10 GiB that is there and known to the last report, an hour ago; nothing is wrong with it."""

    def setUp(self) -> None:
        super().setUp()
        self.audit = Audit(self.database)
        pools = (a_pool_state(allocated_gb=10.0), a_pool_state(OTHER))
        reported(self.database, *pools)
        claimed(self.database)
        Volumes(self.database).update("v1", {"status": VolumeStatus.AVAILABLE, "host": POOL})
        Claims(self.database).confirm("v1", at(1))
        reported(self.database, *pools, when=at(2))
        self.clock.forward(3600)

    def run_(self, statement: Any) -> None:
        self.database.run(lambda connection: connection.execute(statement))

    def found(self, *, repair: bool = False) -> list[Inconsistency]:
        return list(self.audit.find(repair=repair))

    def drifts(self, check: str, subject: str, words: str) -> None:
        """It is found, and nothing else is."""
        (drift,) = self.found()
        self.assertEqual((check, subject), (drift.check, drift.subject))
        self.assertIn(words, drift.what)
        self.assertFalse(drift.repaired)

    def fixes(self, check: str) -> None:
        """It is put right, which is logged, and then it is gone."""
        with self.assertLogs("volsched.api.audit", "WARNING") as logged:
            (drift,) = self.found(repair=True)
        self.assertTrue(drift.repaired)
        self.assertIn(f"audit: repaired {check}", logged.output[0])
        self.assertEqual([], self.found())

    def sizes(self) -> dict[str, float]:
        return {claim.key: claim.size_gb for claim in Claims(self.database).in_pools([POOL, OTHER])}

    def test_what_is_as_it_should_be(self) -> None:
        self.assertEqual([], self.found())
        self.assertEqual(0, self.audit.log())

    def test_a_claim_of_a_volume_that_is_elsewhere(self) -> None:
        Claims(self.database).claim(a_placement(key="v1/migrate", pool_id=OTHER))
        self.drifts("claims without a volume", "v1/migrate", f"in {OTHER}, and the volume v1 is in {POOL}")
        self.fixes("claims without a volume")
        self.assertEqual({"v1": 10}, self.sizes())
        self.assertEqual(0, Backends(self.database).pool(OTHER).pending_gb)

    def test_a_claim_of_a_move_under_way_is_left_alone(self) -> None:
        Claims(self.database).claim(a_placement(key="v1/migrate", pool_id=OTHER))
        Volumes(self.database).set_status("v1", VolumeStatus.MIGRATING)
        WorkQueue(self.database).add(some_work(operation="migrate"))
        self.clock.forward(3600)
        self.assertEqual([], self.found(repair=True))

    def test_a_volume_without_a_claim(self) -> None:
        self.run_(sa.delete(claims))
        self.drifts("claims that differ", "v1", f"has 10 GiB in {POOL}, and nothing is claimed")
        self.fixes("claims that differ")
        claim = Claims(self.database).get("v1")
        assert claim is not None
        self.assertEqual((10, POOL, self.clock.now), (claim.size_gb, claim.pool_id, claim.confirmed_at))
        self.assertEqual(10, Backends(self.database).pool(POOL).pending_gb, "the next report will know it")

    def test_a_claim_of_another_size(self) -> None:
        for size in (4, 25):
            with self.subTest(size):
                self.run_(sa.update(claims).values(size_gb=size))
                self.drifts("claims that differ", "v1", f"{size} GiB are claimed")
                self.fixes("claims that differ")
                self.assertEqual({"v1": 10}, self.sizes())

    def test_snapshots_count(self) -> None:
        snapshot = Snapshot(
            id="s1", project_id="p1", user_id="u1", status=SnapshotStatus.AVAILABLE, volume_id="v1", size_gb=10
        )
        Snapshots(self.database).create(snapshot)
        self.drifts("claims that differ", "v1", "20 GiB with its snapshots")
        self.fixes("claims that differ")
        self.assertEqual(20, sum(self.sizes().values()))

    def test_pending_that_does_not_add_up(self) -> None:
        self.run_(sa.update(pools).where(pools.c.id == OTHER).values(pending_gb=7.5))
        self.drifts("pending that differs", OTHER, "7.5 GiB are pending")
        self.fixes("pending that differs")
        self.assertEqual(0, Backends(self.database).pool(OTHER).pending_gb)

    def test_a_volume_whose_work_is_lost(self) -> None:
        becomes = {
            VolumeStatus.CREATING: VolumeStatus.ERROR,
            VolumeStatus.EXTENDING: VolumeStatus.ERROR_EXTENDING,
            VolumeStatus.DELETING: VolumeStatus.ERROR_DELETING,
            VolumeStatus.MANAGING: VolumeStatus.ERROR_MANAGING,
            VolumeStatus.MIGRATING: VolumeStatus.AVAILABLE,
        }
        for status, after in becomes.items():
            with self.subTest(status):
                Volumes(self.database).set_status("v1", status)
                self.assertEqual([], self.found(), "it has only just begun")
                self.clock.forward(61)
                self.drifts("volumes without work", "v1", f"is {status.value}")
                self.fixes("volumes without work")
                self.assertIs(after, Volumes(self.database).get("v1").status)

    def test_a_volume_whose_work_waits_is_left_alone(self) -> None:
        Volumes(self.database).set_status("v1", VolumeStatus.EXTENDING)
        WorkQueue(self.database).add(some_work())
        self.clock.forward(3600)
        self.assertEqual([], self.found())

    def test_work_of_a_volume_that_is_gone(self) -> None:
        queue = WorkQueue(self.database)
        queue.add(some_work(volume_id="v9", operation="extend"))
        self.assertEqual([], self.found(), "it has only just been queued")
        self.clock.forward(61)
        self.drifts("work without a volume", "w1", "extend waits in scheduler, and its volume v9 is gone")
        self.fixes("work without a volume")
        (record,) = queue.of("v9")
        self.assertEqual((WorkState.FAILED, "its volume is gone; ended by the audit"), (record.state, record.problem))

    def test_work_that_somebody_does_is_left_alone(self) -> None:
        queue = WorkQueue(self.database)
        queue.add(some_work(volume_id="v9"))
        self.clock.forward(61)
        self.assertIsNotNone(queue.take(["scheduler"], "me", 30))
        self.assertEqual([], self.found())
        self.clock.forward(31)
        self.drifts("work without a volume", "w1", "v9 is gone")

    def test_a_reservation_long_expired(self) -> None:
        reservation = Quotas(self.database, reservation_seconds=60).reserve("p1", volumes=1, gigabytes=5)
        self.clock.forward(61)
        self.assertEqual([], self.found(), "that is how it should be")
        self.clock.forward(3600)
        self.drifts("expired reservations", reservation, "project p1 has reserved 1 volumes, 5 GiB")
        self.fixes("expired reservations")

    def test_claims_in_a_pool_that_is_not_reported_any_more(self) -> None:
        reported(self.database, a_pool_state(OTHER), when=at(3))
        self.drifts("claims in lost pools", POOL, "1 claims of 10 GiB")
        (drift,) = self.found(repair=True)
        self.assertFalse(drift.repaired or drift.repairable)

    def test_a_backend_that_counts_other_volumes(self) -> None:
        reported(self.database, a_pool_state(allocated_gb=13.0), a_pool_state(OTHER), when=at(3))
        self.drifts("allocated that differs", POOL, "counts 13 GiB of volumes, and those known to be in it have 10 GiB")
        self.assertEqual(1, self.logged())
        WorkQueue(self.database).add(some_work(queue="agent:h@b"))
        self.assertEqual([], self.found(), "something is under way there")

    def logged(self) -> int:
        with self.assertLogs("volsched.api.audit", "WARNING"):
            return self.audit.log()

    def test_what_somebody_else_put_right_meanwhile_is_not_put_right_again(self) -> None:
        self.run_(sa.update(claims).values(size_gb=4))
        drifts = self.audit.find(repair=True)
        found = list(self.audit._found(self.audit._checks[3]))
        self.run_(sa.update(claims).values(size_gb=10))
        self.assertEqual([], list(drifts))
        with self.assertLogs("volsched.api.audit", "INFO"):
            self.assertFalse(self.audit._repaired(self.audit._checks[3], found[0]).repaired)
        self.assertEqual({"v1": 10}, self.sizes())

    def test_many_at_once(self) -> None:
        """One repair does not stand in another's way."""
        created(self.database, "v2", "v3", status=VolumeStatus.CREATING)
        self.run_(sa.update(claims).values(size_gb=3))
        self.run_(sa.update(pools).values(pending_gb=1))
        self.run_(sa.update(volumes).where(volumes.c.id == "v2").values(created_at=NOON, updated_at=NOON))
        self.run_(sa.delete(work))
        with self.assertLogs("volsched.api.audit", "WARNING"):
            found = self.found(repair=True)
        self.assertEqual({"v1", "v2", OTHER}, {drift.subject for drift in found})
        self.assertEqual([], self.found())
