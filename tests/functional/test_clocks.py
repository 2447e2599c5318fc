"""Wrong clocks: no capacity is lost or claimed twice, and no live service is treated as dead."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import sqlalchemy as sa

from tests import TestCase
from tests.functional.ailments import wrong_clock
from tests.functional.fleet import Fleet
from tests.functional.hammering import CLIENTS, database_of, hammer
from volsched.db.backends import Backends
from volsched.db.records import Decisions
from volsched.db.schema import deliveries
from volsched.db.volumes import Volumes
from volsched.model.volume import Volume

TEN_MINUTES = 600.0
TOLD = """
[notifications]
notifiers = told

[notifier_told]
driver = jsonl
path = {folder}/told/events.jsonl
processes = scheduler, agent
"""


class TestClocks(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.place = self.folder()
        self.stack_ = self.enterContext(ExitStack())
        self.url = database_of("postgresql", self.place, self.stack_)

    def created(self, fleet: Fleet, name: str, size: int) -> Volume:
        """At rest."""
        file = self.place / "node.conf"
        fleet.start("command", file, "volume", "create", "--size", str(size), "--name", name, "--no-wait").join()
        fleet.until(lambda: not Volumes(fleet.database).find(name, None).status.in_progress)
        return Volumes(fleet.database).find(name, None)

    def room(self, fleet: Fleet) -> float:
        [pool] = Backends(fleet.database).pools()
        assert pool.room_thick_gb is not None
        return pool.room_thick_gb - pool.pending_gb

    def test_all_of_them_minutes_apart(self) -> None:
        seen = hammer(self.place, self.url, 3 * CLIENTS, clocks=(TEN_MINUTES, -TEN_MINUTES, 0.0))
        self.assertEqual(({}, [], 0), (seen.overfull, seen.problems, seen.untold), seen.told)
        self.assertGreater(seen.placed_gb, seen.room_gb * 0.7, "room was lost")
        self.assertEqual(4, seen.pools_used, "a live service was taken for dead")
        self.assertEqual(0, seen.takeovers, "a live lease was taken for dead")

    def test_a_backend_whose_clock_is_set_right(self) -> None:
        """What is done after it counts, though it is earlier by the time that the host showed before."""
        with Fleet(self.place, self.url) as fleet:
            file = fleet.host("node", "thick:10", thick="thick")
            early = fleet.start("agent", file, prepared=partial(wrong_clock, TEN_MINUTES))
            fleet.start("scheduler", file)
            self.assertEqual("available", self.created(fleet, "first", 4).status)
            early.kill()
            early.join()
            fleet.start("agent", file)
            self.assertEqual("available", self.created(fleet, "second", 4).status)
            third = self.created(fleet, "third", 4)
            self.assertEqual("error", third.status)
            outcomes = [one.outcome for one in Decisions(fleet.database).of(third.id)]
            self.assertNotIn("placed", outcomes, "8 of 10 GiB were taken")
            fleet.start("command", file, "volume", "delete", "first", "--no-wait").join()
            fleet.until(lambda: self.room(fleet) == 6.0)
            self.assertEqual("available", self.created(fleet, "fourth", 6).status)

    def test_a_notifier_is_asked_again_after_the_pause_and_no_later(self) -> None:
        (self.place / "told").mkdir()
        with Fleet(self.place, self.url, TOLD.format(folder=self.place)) as fleet:
            file = fleet.host("node", "thick:10", thick="thick")
            for program in ("agent", "scheduler"):
                fleet.start(program, file, prepared=partial(wrong_clock, TEN_MINUTES))
            self.created(fleet, "first", 1)
            (self.place / "told").rename(self.place / "away")
            second = self.created(fleet, "second", 1)
            failed = sa.select(sa.func.count()).where(deliveries.c.attempts > 0)
            fleet.until(lambda: fleet.database.read(lambda connection: connection.execute(failed).scalar_one()))
            (self.place / "away").rename(self.place / "told")
            fleet.until(lambda: second.id in (self.place / "told" / "events.jsonl").read_text())
