"""The metrics that are read from a database."""

from __future__ import annotations

from tests.stores.world import World, an_event, at, some_work
from volsched.db import backlog
from volsched.db.outbox import Outbox
from volsched.db.work import WorkQueue
from volsched.model.work import Outcome


class BacklogContract(World):
    def look(self) -> backlog.Backlog:
        return self.database.read(lambda connection: backlog.read(connection, self.clock()))

    def test_nothing_waits(self) -> None:
        seen = self.look()
        scheduler = dict.fromkeys((("scheduler", state) for state in ("queued", "running", "expired")), 0)
        self.assertEqual((scheduler, {"scheduler": 0.0}), (seen.queues, seen.waiting))
        self.assertEqual((0, 0.0, {}), (seen.outbox, seen.outbox_age, seen.parked))

    def test_queues_by_how_their_work_stands(self) -> None:
        queue = WorkQueue(self.database)
        for number in range(4):
            queue.add(some_work(f"w{number}", f"v{number}"))
            self.clock.forward(1)
        queue.add(some_work("a", "v9", queue="agent:h@b"))
        ended, kept = (queue.take(["scheduler"], "me", seconds) for seconds in (100, 3))
        assert ended is not None
        assert kept is not None
        queue.finish(ended.lease, Outcome())
        self.clock.forward(2.5)
        self.assertEqual(1, self.look().queues["scheduler", "running"])
        self.clock.forward(0.5)
        seen = self.look()
        standing = {state: seen.queues["scheduler", state] for state in ("queued", "running", "expired")}
        self.assertEqual({"queued": 2, "running": 0, "expired": 1}, standing)
        self.assertEqual(1, seen.queues["agent:h@b", "queued"])
        self.assertEqual({"scheduler": 5.0, "agent:h@b": 3.0}, seen.waiting)

    def test_events_count_while_a_notifier_is_to_get_them(self) -> None:
        outbox = Outbox(self.database)
        for number in range(3):
            outbox.emit(an_event(f"e{number}", f"v{number}"))
            self.clock.forward(10)
        self.assertEqual(0, self.look().outbox, "nobody is expected to fetch them")
        outbox.expect(["log", "pager"])
        seen = self.look()
        self.assertEqual((3, 30.0, {"log": 0, "pager": 0}), (seen.outbox, seen.outbox_age, seen.parked))
        for name in ("log", "pager"):
            outbox.delivered(name, "e0")
        outbox.failed("pager", "e1", "refused", retry_at=None)
        outbox.failed("pager", "e2", "busy", retry_at=at(1000))
        seen = self.look()
        self.assertEqual((2, 20.0, {"log": 0, "pager": 1}), (seen.outbox, seen.outbox_age, seen.parked))
