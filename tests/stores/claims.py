"""The store of claims: never over-committed, atomic, and repeatable."""

from __future__ import annotations

from datetime import timedelta

from tests.stores.world import (
    POOL,
    World,
    a_placement,
    a_pool_state,
    an_event,
    at,
    claimed,
    created,
    reported,
    some_work,
)
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.outbox import Outbox
from volsched.db.records import PLACED, Decisions
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import ClaimConflict, LeaseLost, VolumeNotFound
from volsched.model.claim import ClaimState
from volsched.model.report import MOST_AHEAD_SECONDS
from volsched.model.work import Outcome, WorkState


class ClaimsContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.claims = Claims(self.database)

    def pending(self, pool_id: str = POOL) -> float:
        return Backends(self.database).pool(pool_id).pending_gb

    def fits(self, size_gb: float, *, pool_id: str = POOL, thin: bool = True) -> bool:
        """Whether a new volume of this size gets the room."""
        volume_id = "fit"
        created(self.database, volume_id)
        try:
            self.claims.claim(a_placement(volume_id, size_gb, pool_id=pool_id, thin=thin))
        except ClaimConflict:
            return False
        finally:
            Volumes(self.database).remove(volume_id)
        return True

    # -- taking ------------------------------------------------------------------------------------------------------

    def test_a_claim_makes_everything_true_at_once(self) -> None:
        reported(self.database)
        created(self.database, "v1")
        placement = a_placement(
            volume_changes={"host": POOL, "availability_zone": "z1", "scheduled_at": "2026-11-23T12:00:00"},
            decision=lambda: {"reason": "1 pools fit", "config_generation": 7},
            decision_id=lambda: "d1",
            events=(an_event("e1"), an_event("e2")),
            work=(some_work("w1", queue="agent:h@b"),),
        )
        claim = self.claims.claim(placement)
        self.assertEqual(placement.claim, claim)
        self.assertEqual([claim], self.claims.of("v1"))
        self.assertEqual([claim], self.claims.pending())
        self.assertEqual(10.0, self.pending())
        volume = Volumes(self.database).get("v1")
        self.assertEqual(
            (POOL, "z1", "2026-11-23T12:00:00"), (volume.host, volume.availability_zone, volume.scheduled_at)
        )
        decision = Decisions(self.database).latest("v1")
        assert decision is not None
        self.assertEqual(
            ("d1", PLACED, POOL, 7), (decision.id, decision.outcome, decision.pool_id, decision.config_generation)
        )
        self.assertEqual(["e1", "e2"], [event.id for event in Outbox(self.database).of("v1")])
        self.assertEqual(["w1"], [work.id for work in WorkQueue(self.database).waiting("v1")])

    def test_a_conflict_leaves_nothing(self) -> None:
        reported(self.database, a_pool_state(total_gb=5.0))
        created(self.database, "v1")
        with self.assertRaises(ClaimConflict) as caught:
            self.claims.claim(
                a_placement(volume_changes={"host": POOL}, decision=dict, events=(an_event(),), work=(some_work(),))
            )
        self.assertEqual(POOL, caught.exception.pool_id)
        self.assertIsNone(Volumes(self.database).get("v1").host)
        self.assertEqual(0.0, self.pending())
        self.assertEqual([], [*self.claims.of("v1"), *Decisions(self.database).of("v1")])
        self.assertEqual([], [*Outbox(self.database).of("v1"), *WorkQueue(self.database).of("v1")])

    def test_the_same_again_is_harmless(self) -> None:
        reported(self.database)
        first = claimed(
            self.database, decision=dict, decision_id=lambda: "d1", events=(an_event(),), work=(some_work(),)
        )
        again = self.claims.claim(
            a_placement(made_at=at(5), decision=dict, decision_id=lambda: "d1", events=(an_event(),))
        )
        self.assertEqual(first, again)
        self.assertEqual(10.0, self.pending())
        self.assertEqual(1, len(Decisions(self.database).of("v1")))
        self.assertEqual(1, len(Outbox(self.database).of("v1")))

    def test_one_key_is_not_claimed_in_two_pools(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        claimed(self.database)
        with self.assertRaisesRegex(ClaimConflict, "taken in h@b#p already"):
            self.claims.claim(a_placement(pool_id="h@b#q"))
        self.assertEqual(0.0, self.pending("h@b#q"))

    def test_the_last_hundredth_counts_and_binary_noise_does_not(self) -> None:
        reported(self.database, a_pool_state(total_gb=30.0, free_gb=10.04))
        self.assertFalse(self.fits(10.05))
        self.assertTrue(self.fits(10.04))
        claimed(self.database, "a", 0.1)
        claimed(self.database, "b", 0.2)
        self.assertFalse(self.fits(9.75))
        self.assertTrue(self.fits(9.74))

    def test_what_the_request_accepts_chooses_the_room(self) -> None:
        both = a_pool_state(total_gb=10.0, thin=True, max_over_subscription_ratio=3.0)
        reported(self.database, both)
        self.assertTrue(self.fits(30, thin=True))
        self.assertFalse(self.fits(30, thin=False))
        self.assertTrue(self.fits(10, thin=False))

    def test_an_unbounded_pool_takes_everything(self) -> None:
        reported(self.database, a_pool_state(total_gb=float("inf")), a_pool_state("h@b#u", total_gb=float("nan")))
        self.assertTrue(self.fits(1 << 30))
        self.assertTrue(self.fits(1 << 30, pool_id="h@b#u"))

    def test_a_pool_that_nobody_reported_or_reports_no_more_takes_nothing(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        reported(self.database, a_pool_state("h@b#q"), when=at(1))
        self.assertFalse(self.fits(1))
        self.assertFalse(self.fits(1, pool_id="h@b#unheard-of"))
        reported(self.database, when=at(2))
        self.assertTrue(self.fits(1))

    def test_a_claim_for_a_volume_that_is_gone_takes_nothing(self) -> None:
        reported(self.database)
        for changes in ({}, {"host": POOL}):
            with self.subTest(changes=changes), self.assertRaises(VolumeNotFound):
                self.claims.claim(a_placement("gone", volume_changes=changes))
        self.assertEqual(0.0, self.pending())

    # -- the fence ---------------------------------------------------------------------------------------------------

    def test_a_claim_ends_the_work_that_it_was_made_under(self) -> None:
        reported(self.database)
        created(self.database, "v1")
        queue = WorkQueue(self.database)
        queue.add(some_work("w1"))
        work = queue.take(["scheduler"], "me", 10)
        assert work is not None
        self.claims.claim(a_placement(fence=work.lease, work=(some_work("w2", queue="agent:h@b"),)))
        self.assertEqual(["w2"], [each.id for each in queue.waiting("v1")])
        queue.finish(work.lease, Outcome())  # harmless
        self.assertIsNotNone(queue.take(["agent:h@b"], "agent", 10))

    def test_a_paused_process_that_lost_its_lease_claims_nothing(self) -> None:
        reported(self.database)
        created(self.database, "v1")
        queue = WorkQueue(self.database)
        queue.add(some_work("w1"))
        paused = queue.take(["scheduler"], "paused", 10)
        self.clock.forward(11)
        heir = queue.take(["scheduler"], "heir", 10)
        assert paused is not None
        assert heir is not None
        with self.assertRaises(LeaseLost):
            self.claims.claim(a_placement(fence=paused.lease))
        self.assertEqual(0.0, self.pending())
        self.claims.claim(a_placement(fence=heir.lease))
        with self.assertRaises(LeaseLost):
            queue.finish(paused.lease, Outcome(state=WorkState.FAILED))

    # -- giving back -------------------------------------------------------------------------------------------------

    def test_releasing_gives_the_room_back_once(self) -> None:
        reported(self.database, a_pool_state(total_gb=20.0))
        claimed(self.database, "v1", 10)
        claimed(self.database, "v2", 10)
        for _ in range(3):
            self.claims.release("v1")
        self.assertEqual(10.0, self.pending())
        self.assertTrue(self.fits(10))
        self.assertFalse(self.fits(11))

    def test_what_a_report_counts_is_given_back_by_the_next_report(self) -> None:
        reported(self.database, a_pool_state(total_gb=20.0))
        claimed(self.database, "v1", 10)
        self.claims.confirm("v1", at(5))
        self.assertEqual(10.0, self.pending())
        reported(self.database, a_pool_state(total_gb=20.0, free_gb=10.0), when=at(6))
        self.assertEqual(0.0, self.pending())
        self.claims.release("v1")
        self.assertFalse(self.fits(11))
        reported(self.database, a_pool_state(total_gb=20.0, free_gb=20.0), when=at(7))
        self.assertTrue(self.fits(20))

    def test_removing_a_volume_gives_all_its_room_back(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        claimed(self.database)
        self.claims.claim(a_placement(key="v1/extend-20"))
        self.claims.claim(a_placement(key="v1/migrate-h@b#q", pool_id="h@b#q"))
        Volumes(self.database).remove("v1")
        self.assertEqual((0.0, 0.0), (self.pending(), self.pending("h@b#q")))
        self.assertEqual([], self.claims.of("v1"))

    # -- confirming --------------------------------------------------------------------------------------------------

    def test_the_first_confirmation_counts(self) -> None:
        reported(self.database)
        claimed(self.database)
        self.claims.confirm("v1", at(5))
        self.claims.confirm("v1", at(9))
        self.claims.confirm("gone", at(9))
        claim = self.claims.get("v1")
        assert claim is not None
        self.assertEqual((ClaimState.CONFIRMED, at(5)), (claim.state, claim.confirmed_at))

    def test_a_confirmation_that_comes_after_the_report_which_knows(self) -> None:
        reported(self.database)
        claimed(self.database)
        reported(self.database, a_pool_state(free_gb=90.0), when=at(6))
        self.assertEqual(10.0, self.pending())
        self.claims.confirm("v1", at(5))
        self.assertEqual(0.0, self.pending())

    # -- reports -----------------------------------------------------------------------------------------------------

    def test_a_report_leaves_pending_what_it_cannot_know(self) -> None:
        reported(self.database)
        for volume_id, confirmed_at in (("before", at(4)), ("at", at(5)), ("after", at(6)), ("never", None)):
            claimed(self.database, volume_id, 1)
            if confirmed_at is not None:
                self.claims.confirm(volume_id, confirmed_at)
        reported(self.database, when=at(5))
        self.assertEqual({"at", "after", "never"}, {claim.key for claim in self.claims.pending()})
        self.assertEqual(3.0, self.pending())

    def test_a_late_report_changes_nothing(self) -> None:
        self.clock.forward(60)
        self.assertTrue(reported(self.database, when=at(10)))
        claimed(self.database, "v1", 60)
        self.assertFalse(reported(self.database, a_pool_state(total_gb=1000.0), when=at(9)))
        self.assertFalse(self.fits(60))

    def test_the_same_report_again_gives_no_room(self) -> None:
        self.clock.forward(60)
        reported(self.database, when=at(10))
        claimed(self.database, "v1", 60)
        self.claims.confirm("v1", at(11))
        self.assertTrue(reported(self.database, when=at(10)))
        self.assertFalse(self.fits(60))

    def test_a_report_from_the_future_is_not_taken_in(self) -> None:
        reported(self.database)
        ahead = at(MOST_AHEAD_SECONDS + 1)
        self.assertFalse(reported(self.database, a_pool_state(total_gb=1000.0), when=ahead))
        self.assertFalse(self.fits(101))
        [(what, why)] = Backends(self.database).show("h@b").problems
        self.assertEqual("h@b", what)
        self.assertRegex(why, "901 s in the future")
        self.assertTrue(reported(self.database, when=at(1)))
        self.assertEqual((), Backends(self.database).show("h@b").problems)

    def test_a_stored_stamp_from_the_future_is_replaced_by_the_next_report(self) -> None:
        a_year = 365 * 24 * 3600.0
        self.clock.forward(a_year)
        reported(self.database, a_pool_state(total_gb=50.0), when=at(a_year))
        claimed(self.database)
        self.claims.confirm("v1", at(a_year))
        self.clock.forward(60 - a_year)  # the clock was a year ahead, and is set back
        self.assertFalse(Backends(self.database).show("h@b").up, "a heartbeat from the future proves nothing")
        self.assertTrue(reported(self.database, a_pool_state(total_gb=20.0, free_gb=10.0), when=at(59)))
        self.assertTrue(Backends(self.database).show("h@b").up)
        self.assertEqual(10.0, self.pending(), "claims confirmed by the wrong clock count until the next report")
        self.clock.forward(60)
        self.assertTrue(reported(self.database, a_pool_state(total_gb=20.0, free_gb=10.0), when=at(119)))
        self.assertEqual(0.0, self.pending())
        self.assertFalse(self.fits(11))
        self.assertTrue(self.fits(10))

    def test_a_confirmation_from_the_future_counts_as_made_now(self) -> None:
        reported(self.database)
        claimed(self.database)
        self.claims.confirm("v1", at(MOST_AHEAD_SECONDS + 1))
        reported(self.database, a_pool_state(free_gb=90.0), when=at(1))
        self.assertEqual(0.0, self.pending())

    def test_a_backend_whose_clock_is_ahead_throughout_is_served(self) -> None:
        skew = timedelta(minutes=10)
        reported(self.database, when=at(0) + skew)
        claimed(self.database)
        self.claims.confirm("v1", at(5) + skew)
        reported(self.database, a_pool_state(free_gb=90.0), when=at(6) + skew)
        self.assertEqual(0.0, self.pending())
