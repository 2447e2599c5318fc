"""The state of deliveries for operators, and retries of parked events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.stores.world import World, an_event, at
from volsched.db.outbox import Deliveries, Outbox


class DeliveriesContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.outbox = Outbox(self.database)
        self.deliveries = Deliveries(self.database)
        self.outbox.expect(["log", "hook"])

    def emit(self, *names: str) -> None:
        for name in names:
            self.outbox.emit(an_event(name, name.partition("/")[0]))

    def seen(self, **wanted: Any) -> Sequence[tuple[str, str, str]]:
        return [(one.event.id, one.notifier, one.state) for one in self.deliveries.list(**wanted)]

    def park(self, *names: str, notifier: str = "hook") -> None:
        for name in names:
            self.outbox.failed(notifier, name, "no", retry_at=None)

    def test_each_event_with_each_notifier_in_order(self) -> None:
        self.emit("a/1", "b/1", "a/2")
        self.outbox.delivered("log", "a/1", "b/1")
        self.park("b/1")
        self.outbox.failed("hook", "a/1", "not now", retry_at=at(30))
        self.assertEqual(
            [
                ("a/1", "hook", "waiting"),
                ("a/1", "log", "delivered"),
                ("b/1", "hook", "parked"),
                ("b/1", "log", "delivered"),
                ("a/2", "hook", "waiting"),
                ("a/2", "log", "waiting"),
            ],
            self.seen(),
        )
        first = self.deliveries.list()[0]
        self.assertEqual((1, at(30), "not now"), (first.tries, first.next_try_at, first.problem))

    def test_some_of_them(self) -> None:
        self.emit("a/1", "b/1", "a/2")
        self.outbox.delivered("log", "a/1", "b/1")
        self.park("b/1")
        self.assertEqual([("b/1", "hook", "parked")], self.seen(state="parked"))
        self.assertEqual([("a/2", "log", "waiting")], self.seen(state="waiting", notifier="log"))
        self.assertEqual([("a/1", "log"), ("a/2", "log")], [
            (event, name) for event, name, _ in self.seen(volume_id="a", notifier="log")
        ])  # fmt: skip
        self.assertEqual([("a/2", "hook", "waiting"), ("a/2", "log", "waiting")], self.seen(limit=2))
        self.assertEqual([("b/1", "log", "delivered")], self.seen(event_ids=["b/1"], state="delivered"))
        self.assertEqual([], self.seen(event_ids=["unknown"]))

    def test_parked_events_are_tried_again_from_the_start(self) -> None:
        self.emit("a/1", "a/2", "b/1")
        self.outbox.delivered("log", "a/1", "a/2", "b/1")
        self.park("a/1", "a/2", "b/1")
        self.assertEqual(0, len(self.outbox.due("hook", owner="me", limit=9, lease_seconds=1)))
        self.assertEqual(1, self.deliveries.retry(event_ids=["b/1", "unknown"]))
        self.assertEqual(0, self.deliveries.retry(notifier="log"))
        self.assertEqual(2, self.deliveries.retry())
        self.assertEqual(0, self.deliveries.retry())
        due = self.outbox.due("hook", owner="me", limit=9, lease_seconds=1)
        self.assertEqual([("a/1", 0), ("a/2", 0), ("b/1", 0)], [(one.event.id, one.tries) for one in due])
        self.assertEqual([], self.outbox.due("log", owner="me", limit=9, lease_seconds=1))
        self.outbox.delivered("hook", "a/1", "a/2", "b/1")
        self.assertEqual([], self.seen(state="waiting"))

    def test_what_is_tried_again_is_not_forgotten_meanwhile(self) -> None:
        self.emit("a/1")
        self.outbox.delivered("log", "a/1")
        self.park("a/1")
        self.deliveries.retry()
        self.assertEqual(0, self.outbox.purge(before=at(3600)))
