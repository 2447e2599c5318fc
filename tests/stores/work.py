"""The work queue: in order, one item per volume at a time, and never lost."""

from __future__ import annotations

import threading
from collections import Counter

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
from volsched.db.quotas import Quotas
from volsched.db.records import Messages
from volsched.db.volumes import Volumes
from volsched.db.work import WorkQueue
from volsched.exceptions import LeaseLost, VolumeNotFound
from volsched.model.volume import VolumeStatus
from volsched.model.work import Lease, Message, Outcome, WorkItem, WorkState


class WorkContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.queue = WorkQueue(self.database)

    def taken(self, *queues: str, owner: str = "me") -> WorkItem:
        work = self.queue.take(queues or ("scheduler",), owner, 10)
        assert work is not None
        return work

    def nothing_to_take(self, *queues: str, owner: str = "me") -> None:
        self.assertIsNone(self.queue.take(queues or ("scheduler",), owner, 10))

    # -- order -------------------------------------------------------------------------------------------------------

    def test_a_queue_is_worked_off_in_its_order(self) -> None:
        for number in range(20):
            self.queue.add(some_work(f"w{number}", f"v{number}", queue=f"q{number % 2}", payload={"n": number}))
        self.assertEqual(["w1", "w3", "w5"], [self.taken("q1").id for _ in range(3)])
        self.assertEqual(["w0", "w2", "w4", "w6", "w7"], [self.taken("q0", "q1").id for _ in range(5)])
        self.nothing_to_take("q2")
        work = self.taken("q0")
        self.assertEqual(("q0", "create", "v8", {"n": 8}), (work.queue, work.operation, work.volume_id, work.payload))

    def test_the_same_id_is_the_same_work(self) -> None:
        self.queue.add(some_work("w1"))
        self.queue.add(some_work("w1", payload={"other": True}))
        work = self.taken()
        self.assertEqual({}, work.payload)
        self.queue.finish(work.lease, Outcome())
        self.queue.add(some_work("w1"))
        self.nothing_to_take()

    def test_of_a_volume_one_piece_at_a_time_whatever_the_queues(self) -> None:
        self.queue.add(some_work("w1", queue="scheduler"))
        self.queue.add(some_work("w2", queue="agent"))
        self.queue.add(some_work("w3", "v2", queue="agent"))
        self.queue.add(some_work("w4", None, queue="agent"))
        self.queue.add(some_work("w5", None, queue="agent"))
        self.assertEqual(["w3", "w4", "w5"], [self.taken("agent").id for _ in range(3)])
        self.nothing_to_take("agent")
        first = self.taken("scheduler")
        self.nothing_to_take("agent")
        self.queue.finish(first.lease, Outcome(state=WorkState.FAILED))
        self.assertEqual("w2", self.taken("agent").id)

    def test_many_takers_take_each_piece_once(self) -> None:
        for number in range(24):
            self.queue.add(some_work(f"w{number}", f"v{number % 8}"))
        done: list[str] = []
        busy: Counter[str] = Counter()
        wrong: list[str] = []

        def serve(owner: str) -> None:
            queue = WorkQueue(self.in_this_world(patience_seconds=60))
            while len(done) < 24:
                work = queue.take(["scheduler"], owner, 60)
                if work is None:
                    continue
                volume_id = str(work.volume_id)
                busy[volume_id] += 1
                if busy[volume_id] > 1:
                    wrong.append(volume_id)
                busy[volume_id] -= 1
                queue.finish(work.lease, Outcome())
                done.append(work.id)

        takers = [threading.Thread(target=serve, args=(f"taker-{number}",)) for number in range(3)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        self.assertEqual([], wrong)
        self.assertEqual(sorted(f"w{number}" for number in range(24)), sorted(done))
        for volume in range(8):
            of_one = [int(work_id[1:]) for work_id in done if int(work_id[1:]) % 8 == volume]
            self.assertEqual(sorted(of_one), of_one)

    # -- leases ------------------------------------------------------------------------------------------------------

    def test_a_lease_that_ran_out_is_taken_over(self) -> None:
        self.queue.add(some_work("w1"))
        first = self.taken(owner="first")
        self.assertEqual(Lease(work_id="w1", owner="first", attempt=1, until=at(10)), first.lease)
        self.clock.forward(9.9)
        self.nothing_to_take()
        self.clock.forward(0.1)
        second = self.taken(owner="second")
        self.assertEqual((2, "second"), (second.lease.attempt, second.lease.owner))
        for act in (lambda: self.queue.renew(first.lease, 10), lambda: self.queue.finish(first.lease, Outcome())):
            with self.assertRaises(LeaseLost):
                act()
        self.queue.finish(second.lease, Outcome())

    def test_renewing_keeps_the_lease(self) -> None:
        self.queue.add(some_work("w1"))
        lease = self.taken().lease
        self.clock.forward(9)
        self.assertEqual(at(19), self.queue.renew(lease, 10).until)
        self.clock.forward(9)
        self.nothing_to_take()
        self.queue.finish(lease, Outcome())  # fenced by its attempt, not by its end

    def test_the_leases_of_the_dead_end_at_once(self) -> None:
        for number in range(3):
            self.queue.add(some_work(f"w{number}", f"v{number}"))
        self.taken(owner="dead")
        self.taken(owner="alive")
        self.taken(owner="dead")
        self.assertEqual(["alive", "dead"], sorted(self.queue.owners()))
        self.assertEqual(2, self.queue.expire("dead"))
        self.assertEqual(["w0", "w2"], [self.taken().id for _ in range(2)])
        self.nothing_to_take()

    # -- ending ------------------------------------------------------------------------------------------------------

    def test_ending_makes_everything_true_at_once(self) -> None:
        reported(self.database)
        claimed(self.database)
        reported(self.database, when=at(1))
        self.queue.add(some_work("w1"))
        lease = self.taken().lease
        reservation = Quotas(self.database).reserve("p1", volumes=0, gigabytes=5)
        outcome = Outcome(
            volume_id="v1",
            volume_changes={"status": VolumeStatus.AVAILABLE, "size_gb": 15},
            confirm=("v1",),
            confirmed_at=at(3),
            sizes={"v1": 15.0},
            follow_up=(some_work("w2", queue="other"),),
            events=(an_event(),),
            message=Message(volume_id="v1", project_id="p1", code="VS1", text="well"),
            commit_reservation=reservation,
        )
        self.queue.finish(lease, outcome)
        self.queue.finish(lease, outcome)  # the answer was lost, it is done again
        volume = Volumes(self.database).get("v1")
        self.assertEqual((VolumeStatus.AVAILABLE, 15), (volume.status, volume.size_gb))
        [claim] = Claims(self.database).of("v1")
        self.assertEqual((15.0, at(3)), (claim.size_gb, claim.confirmed_at))
        self.assertEqual(15.0, Backends(self.database).pool(POOL).pending_gb)
        self.assertEqual(["w2"], [work.id for work in self.queue.waiting("v1")])
        self.assertEqual(["e1"], [event.id for event in Outbox(self.database).of("v1")])
        self.assertEqual(["well"], [message.text for message in Messages(self.database).of("v1")])
        self.assertEqual(0, Quotas(self.database).usage("p1")[0].reserved)

    def test_who_lost_the_lease_changes_nothing(self) -> None:
        reported(self.database)
        claimed(self.database)
        self.queue.add(some_work("w1"))
        paused = self.taken().lease
        self.clock.forward(11)
        self.taken(owner="heir")
        with self.assertRaises(LeaseLost):
            self.queue.finish(
                paused, Outcome(volume_id="v1", remove_volume=True, release=("v1",), events=(an_event(),))
            )
        self.assertEqual(1, len(Claims(self.database).of("v1")))
        self.assertEqual([], Outbox(self.database).of("v1"))

    def test_removing_the_volume_releases_what_it_had(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        claimed(self.database)
        self.queue.add(some_work("w1", operation="delete"))
        lease = self.taken().lease
        outcome = Outcome(volume_id="v1", remove_volume=True, release=("v1", "gone"), events=(an_event(),))
        for _ in range(2):
            self.queue.finish(lease, outcome)
        with self.assertRaises(VolumeNotFound):
            Volumes(self.database).get("v1")
        self.assertEqual(0.0, Backends(self.database).pool(POOL).pending_gb)
        self.assertEqual([WorkState.DONE], [work.state for work in self.queue.of("v1")])

    def test_leaving_a_pool_gives_back_what_was_there(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        claimed(self.database)
        claims = Claims(self.database)
        claims.claim(a_placement(key="v1/extend-20"))
        claims.claim(a_placement(key="v1/migrate-h@b#q", size_gb=20, pool_id="h@b#q"))
        self.queue.add(some_work("w1", operation="migrate"))
        moved = Outcome(volume_id="v1", volume_changes={"host": "h@b#q"}, confirm=("v1/migrate-h@b#q",), left_pool=POOL)
        self.queue.finish(self.taken().lease, moved)
        self.assertEqual(["v1/migrate-h@b#q"], [claim.key for claim in claims.of("v1")])
        pools = {pool.pool_id: pool.pending_gb for pool in Backends(self.database).pools()}
        self.assertEqual({POOL: 0.0, "h@b#q": 20.0}, pools)

    def test_volumes_that_move_in_opposite_directions(self) -> None:
        reported(self.database, a_pool_state(), a_pool_state("h@b#q"))
        leases = []
        for volume_id, here, there in (("v1", POOL, "h@b#q"), ("v2", "h@b#q", POOL)):
            claimed(self.database, volume_id, pool_id=here)
            Claims(self.database).claim(a_placement(volume_id, key=f"{volume_id}/migrate-{there}", pool_id=there))
            self.queue.add(some_work(volume_id, volume_id))
            leases.append((self.taken().lease, volume_id, here, there))

        def finish(lease: Lease, volume_id: str, here: str, there: str) -> None:
            queue = WorkQueue(self.in_this_world(clock=self.clock, patience_seconds=60))
            moved = Outcome(volume_id=volume_id, confirm=(f"{volume_id}/migrate-{there}",), left_pool=here)
            queue.finish(lease, moved)

        threads = [threading.Thread(target=finish, args=each) for each in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([10.0, 10.0], [pool.pending_gb for pool in Backends(self.database).pools()])

    def test_work_that_was_put_back_is_taken_again(self) -> None:
        self.queue.add(some_work("w1"))
        lease = self.taken().lease
        self.queue.finish(lease, Outcome(state=WorkState.QUEUED, problem="stopped"))
        again = self.taken(owner="other")
        self.assertEqual(("w1", 2), (again.id, again.lease.attempt))

    def test_what_waits_and_how_much(self) -> None:
        created(self.database, "v1")
        self.queue.add(some_work("w1"))
        self.queue.add(some_work("w2", queue="agent"))
        self.queue.add(some_work("w3", "v2", queue="agent"))
        lease = self.taken().lease
        self.assertEqual({"scheduler": 1, "agent": 2}, self.queue.lengths())
        running, queued = self.queue.waiting("v1")
        self.assertEqual(
            (WorkState.RUNNING, "me", 1, at(10)), (running.state, running.owner, running.attempt, running.lease_until)
        )
        self.assertEqual((WorkState.QUEUED, None, 0), (queued.state, queued.owner, queued.attempt))
        self.queue.finish(lease, Outcome(state=WorkState.FAILED, problem="why"))
        self.assertEqual({"agent": 2}, self.queue.lengths())
        self.assertEqual(["why", None], [work.problem for work in self.queue.of("v1")])
        self.assertEqual(0, self.queue.purge(before=at(0)))
        self.assertEqual(1, self.queue.purge(before=at(1)))
        self.assertEqual(["w2"], [work.id for work in self.queue.of("v1")])
