"""Delivery from a real outbox to notifiers that work, fail and hang."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from tests import TestCase
from volsched.db.database import Database
from volsched.db.outbox import Outbox
from volsched.exceptions import EventRefused
from volsched.model.event import DueEvent, Event, Interest, Priority
from volsched.notifications.delivery import MOST_HANGING, Delivery, Recipient, RetryPolicy
from volsched_drivers.notifiers.jsonl import JsonlNotifier


def an_event(id: str, volume_id: str | None = "v1") -> Event:
    return Event(
        id=id,
        event_type="volume.create.end",
        priority=Priority.INFO,
        occurred_at="2026-11-22T09:00:00",
        publisher="test",
        volume_id=volume_id,
    )


class Recorder:
    """A notifier that records events, after a given action."""

    def __init__(self, before: Callable[[Event], object] = lambda event: None) -> None:
        self.got: list[str] = []
        self.before = before

    def notify(self, event: Event) -> None:
        self.before(event)
        self.got.append(event.id)


def refuse(event: Event) -> None:
    raise ConnectionError("no answer")


class DeliveryTestCase(TestCase):
    def setUp(self) -> None:
        self.now = datetime(2026, 11, 22)
        self.database = Database(f"sqlite:///{self.folder()}/volsched.sqlite", clock=lambda: self.now)
        self.addCleanup(self.database.close)
        self.database.upgrade()
        self.outbox = Outbox(self.database)

    def emit(self, *ids: str, volume_id: str | None = "v1") -> None:
        for id in ids:
            self.outbox.emit(an_event(id, volume_id))

    def delivery(self, notifiers: Mapping[str, Recipient], **retry_policy: Any) -> Delivery:
        return Delivery(
            self.outbox,
            notifiers,
            clock=lambda: self.now,
            owner="test",
            retry_policy=RetryPolicy(**retry_policy),
            poll_interval=60,
        )


class TestDelivery(DeliveryTestCase):
    def test_every_notifier_gets_every_event_once_and_in_order(self) -> None:
        first, second = Recorder(), Recorder()
        path = self.folder() / "events.jsonl"
        jsonl = JsonlNotifier(path=str(path))
        self.addCleanup(jsonl.stop)
        delivery = self.delivery({"first": first, "second": second, "file": jsonl})
        self.emit("e1", "e2")
        self.emit("e3", volume_id=None)
        self.assertEqual(9, delivery.deliver_once())
        self.assertEqual(0, delivery.deliver_once())
        self.emit("e4", volume_id="v2")
        self.assertEqual(3, delivery.deliver_once())
        self.assertEqual((["e1", "e2", "e3", "e4"],) * 2, (first.got, second.got))
        self.assertEqual(first.got, [json.loads(line)["id"] for line in path.read_text().splitlines()])

    def test_another_process_delivers_nothing_twice(self) -> None:
        seen = Recorder()
        self.emit("e1", "e2")
        self.delivery({"n": seen}).deliver_once()
        Delivery(self.outbox, {"n": seen}, clock=lambda: self.now, owner="another").deliver_once()
        self.assertEqual(["e1", "e2"], seen.got)

    def test_failure_is_tried_again_after_a_pause_and_keeps_the_volume_s_order(self) -> None:
        broken = [True]

        def perhaps(event: Event) -> None:
            if broken[0] and event.id == "e1":
                refuse(event)

        seen, other = Recorder(perhaps), Recorder()
        delivery = self.delivery({"n": seen, "other": other}, first_pause=10.0)
        self.emit("e1", "e2")
        self.emit("f1", volume_id="v2")
        with self.assertLogs("volsched.notifications.delivery", "INFO") as log:
            delivery.deliver_once()
            self.assertEqual(["f1"], seen.got)
            self.assertEqual(["e1", "e2", "f1"], other.got)
            self.now += timedelta(seconds=9)
            self.assertEqual(0, delivery.deliver_once())
            broken[0] = False
            self.now += timedelta(seconds=1)
            delivery.deliver_once()
        self.assertEqual(["f1", "e1", "e2"], seen.got)
        self.assertRegex(log.output[0], "notifier n does not accept events.*ConnectionError: no answer")

    def test_pauses_double_up_to_a_limit(self) -> None:
        retry_policy = RetryPolicy(first_pause=2.0, longest_pause=60.0)
        self.assertEqual([2, 4, 8, 60, 60], [retry_policy.pause(count).total_seconds() for count in (1, 2, 3, 7, 5000)])

    def test_event_is_parked_after_its_tries_and_delays_no_other(self) -> None:
        def not_this_one(event: Event) -> None:
            if event.id == "e1":
                raise SystemExit("odd")

        seen = Recorder(not_this_one)
        delivery = self.delivery({"n": seen}, tries=3, first_pause=1.0)
        self.emit("e1", "e2")
        with self.assertLogs("volsched.notifications.delivery", "WARNING") as log:
            for _ in range(3):
                delivery.deliver_once()
                self.now += timedelta(hours=1)
            delivery.deliver_once()
        self.assertEqual(["e2"], seen.got)
        self.assertIn(
            "notifier n: event e1 (volume.create.end) is parked after 3 tries: SystemExit: odd", log.output[1]
        )
        self.assertEqual([("n", "e1", "SystemExit: odd")], [(n, e.id, why) for n, e, why in self.outbox.parked()])

    def test_hanging_notifier_delays_no_other_and_blocks_few_threads(self) -> None:
        released = threading.Event()
        self.addCleanup(released.set)
        hanging, other = Recorder(lambda event: released.wait()), Recorder()
        delivery = self.delivery({"hanging": hanging, "other": other}, timeout=0.05)
        threads = threading.active_count()
        for number in range(MOST_HANGING + 3):
            self.emit(f"e{number}", volume_id=f"v{number}")
        with self.assertLogs("volsched.notifications.delivery", "WARNING") as log:
            delivery.deliver_once()
            self.assertEqual(MOST_HANGING + 3, len(other.got))
            self.assertEqual(0, delivery.deliver_once(), "a hanging notifier is skipped")
            lane = delivery._lanes[0]
            for _ in range(MOST_HANGING + 1):
                lane.deliver_batch()
        self.assertEqual(threads + MOST_HANGING, threading.active_count())
        self.assertIn("no answer within 0.05 s", log.output[0])
        self.assertTrue(lane.stuck)
        released.set()
        for thread in list(lane._hanging):
            thread.join(30)
        self.now += timedelta(hours=1)
        with self.assertLogs("volsched.notifications.delivery", "INFO") as log:
            lane.deliver_batch()
        self.assertIn("accepts events again", log.output[0])
        self.assertEqual({f"e{number}" for number in range(MOST_HANGING + 3)}, set(hanging.got))

    def test_lane_survives_an_unreachable_outbox(self) -> None:
        class Away(Outbox):
            away = True

            def due(self, *args: Any, **named: Any) -> Any:
                if self.away:
                    raise OSError("the database is away")
                return super().due(*args, **named)

        outbox, seen = Away(self.database), Recorder()
        delivery = Delivery(outbox, {"n": seen}, clock=lambda: self.now, owner="test")
        self.emit("e1")
        with self.assertLogs("volsched.notifications.delivery", "ERROR"):
            self.assertEqual(0, delivery.deliver_once())
        outbox.away = False
        delivery.deliver_once()
        self.assertEqual(["e1"], seen.got)

    def test_event_is_delivered_again_where_the_outcome_was_not_stored(self) -> None:
        class Lossy(Outbox):
            lost = False

            def delivered(self, notifier: str, event_id: str) -> None:
                if not self.lost:
                    self.lost = True
                    raise OSError("the connection broke")
                super().delivered(notifier, event_id)

        seen = Recorder()
        delivery = Delivery(Lossy(self.database), {"n": seen}, clock=lambda: self.now, owner="test")
        self.emit("e1", "e2")
        with self.assertLogs("volsched.notifications.delivery", "ERROR"):
            delivery.deliver_once()
        delivery.deliver_once()
        self.assertEqual(["e1", "e1", "e2"], seen.got)


class TestRun(DeliveryTestCase):
    def test_delivers_when_woken_until_stopped(self) -> None:
        stop, came = threading.Event(), threading.Event()
        seen = Recorder(lambda event: came.set() if event.id == "e2" else None)
        delivery = self.delivery({"n": seen})
        thread = threading.Thread(target=delivery.run, args=(stop,))
        thread.start()
        try:
            self.emit("e1", "e2")
            delivery.wake()
            self.assertTrue(came.wait(30))
        finally:
            stop.set()
            delivery.wake()
            thread.join(30)
        self.assertFalse(thread.is_alive())
        self.assertEqual(["e1", "e2"], seen.got)

    def test_stop_in_the_middle_of_a_batch_leaves_the_rest_for_later(self) -> None:
        stop = threading.Event()
        seen = Recorder(lambda event: stop.set())
        delivery = self.delivery({"n": seen})
        self.emit("e1", "e2")
        delivery.run(stop)
        self.assertEqual(["e1"], seen.got)
        self.assertEqual(
            [DueEvent(event=an_event("e2"))],
            [DueEvent(event=item.event) for item in self.outbox.due("n", owner="test", limit=9, lease_seconds=1)],
        )


class TestInterests(DeliveryTestCase):
    def delivery_of(self, interest: Interest, notifier: Recipient, **options: Any) -> Delivery:
        return Delivery(
            self.outbox,
            {"n": notifier},
            clock=lambda: self.now,
            owner="test",
            interests={"n": interest},
            **options,
        )

    def test_notifier_receives_the_events_of_its_interest_only(self) -> None:
        seen = Recorder()
        for number, priority in enumerate((Priority.INFO, Priority.ERROR, Priority.WARN, Priority.ERROR)):
            self.outbox.emit(replace(an_event(f"e{number}"), priority=priority))
        delivery = self.delivery_of(Interest(priorities=frozenset({Priority.ERROR})), seen)
        delivery.deliver_once()
        self.assertEqual(["e1", "e3"], seen.got)
        self.assertEqual(0, delivery.deliver_once())
        self.assertEqual(4, self.outbox.purge(before=self.now + timedelta(days=1)))

    def test_uninteresting_event_is_not_held_back_by_a_failed_one(self) -> None:
        self.emit("e1")
        self.outbox.emit(replace(an_event("e2"), event_type="volume.delete.end"))
        delivery = self.delivery_of(Interest(event_types=("volume.create.*",)), Recorder(refuse))
        self.assertEqual(2, delivery.deliver_once())
        self.now += timedelta(hours=1)
        self.assertEqual(["e1"], [item.event.id for item in self.outbox.due("n", owner="x", limit=9, lease_seconds=1)])

    def test_events_wait_for_notifiers_of_other_processes(self) -> None:
        self.emit("e1")
        self.delivery_of(Interest(), Recorder(), elsewhere=["far"]).deliver_once()
        self.assertEqual(0, self.outbox.purge(before=self.now + timedelta(days=1)))
        seen = Recorder()
        self.delivery({"far": seen}).deliver_once()
        self.assertEqual(["e1"], seen.got)
        self.assertEqual(1, self.outbox.purge(before=self.now + timedelta(days=1)))


class TestRefusals(DeliveryTestCase):
    def test_refused_event_is_parked_at_once_and_delays_no_other(self) -> None:
        def never(event: Event) -> None:
            if event.id == "e1":
                raise EventRefused("too large")

        seen = Recorder(never)
        self.emit("e1", "e2")
        with self.assertLogs("volsched.notifications.delivery", "ERROR") as log:
            self.delivery({"n": seen}).deliver_once()
        self.assertEqual(["e2"], seen.got)
        self.assertEqual([("n", "e1", "too large")], [(n, event.id, why) for n, event, why in self.outbox.parked()])
        self.assertRegex(log.output[0], r"event e1 \(volume.create.end\) is parked after 1 tries: too large")


class TestPurging(DeliveryTestCase):
    def test_old_delivered_events_are_removed(self) -> None:
        self.emit("e1", "e2")
        seen = Recorder()
        self.delivery({"n": seen}).deliver_once()
        self.now += timedelta(days=31)
        self.emit("e3")
        stop = threading.Event()
        forgetting = Delivery(
            self.outbox,
            {"n": Recorder(lambda event: stop.set())},
            clock=lambda: self.now,
            owner="test",
            keep=timedelta(days=30),
        )
        forgetting.run(stop)
        self.assertEqual(["e3"], [event.id for event in self.outbox.of("v1")])

    def test_without_notifiers_it_waits_for_the_stop(self) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=self.delivery({}).run, args=(stop,))
        thread.start()
        stop.set()
        thread.join(5)
        self.assertFalse(thread.is_alive())
