"""The outbox and the other stores of records."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tests.stores.world import NOON, World, an_event, at, created
from volsched.db.outbox import Outbox
from volsched.db.records import REFUSED, Decisions, Failures, Messages
from volsched.db.schema import events
from volsched.db.volumes import Volumes
from volsched.model.volume import VolumeStatus
from volsched.model.work import Message


class OutboxContract(World):
    def setUp(self) -> None:
        super().setUp()
        self.outbox = Outbox(self.database)

    def emit(self, *names: str) -> None:
        """Events named volume/number."""
        for name in names:
            self.outbox.emit(an_event(name, name.partition("/")[0]))

    def due(self, notifier: str = "log", owner: str = "me", limit: int = 10) -> Sequence[str]:
        found = self.outbox.due(notifier, owner=owner, limit=limit, lease_seconds=10)
        return [each.event.id for each in found]

    def test_what_is_emitted_is_due_in_order_once(self) -> None:
        event = an_event("a/1", "a", project_id="p1", payload={"size": 5})
        self.outbox.emit(event)
        self.outbox.emit(event)
        self.emit("b/1", "a/2")
        [first] = self.outbox.due("log", owner="me", limit=1, lease_seconds=10)
        self.assertEqual((event, 0), (first.event, first.tries))
        self.assertEqual(["a/1", "b/1", "a/2"], self.due())
        for name in ("a/1", "b/1", "a/2", "unknown"):
            self.outbox.delivered("log", name)
            self.outbox.delivered("log", name)
        self.assertEqual([], self.due())

    def test_events_are_numbered_by_volume(self) -> None:
        self.emit("a/1", "b/1", "a/2", "a/1")
        self.outbox.emit(an_event("none/1", None))
        self.outbox.emit(an_event("none/2", None))
        numbered = sa.select(events.c.id, events.c.volume_seq).order_by(events.c.seq)
        found = self.database.read(lambda connection: [tuple(row) for row in connection.execute(numbered)])
        self.assertEqual([("a/1", 1), ("b/1", 1), ("a/2", 2), ("none/1", None), ("none/2", None)], found)

    def test_what_one_holds_another_does_not_get(self) -> None:
        self.emit("a/1", "b/1")
        self.assertEqual(["a/1"], self.due(owner="first", limit=1))
        self.emit("a/2")
        self.assertEqual(["b/1"], self.due(owner="second"))
        self.assertEqual(["a/1", "a/2"], self.due(owner="first"))
        self.clock.forward(11)
        self.assertEqual(["a/1", "b/1", "a/2"], self.due(owner="second"))

    def test_what_a_dead_owner_held_is_free_again(self) -> None:
        self.emit("a/1", "b/1", "c/1")
        self.due(owner="dead", limit=2)
        self.due(owner="alive")
        self.outbox.delivered("log", "a/1")
        self.assertEqual(["alive", "dead"], sorted(self.outbox.holders()))
        self.assertEqual((1, 0), (self.outbox.let_go("dead"), self.outbox.let_go("dead")))
        self.assertEqual(["b/1"], self.due(owner="third"))

    def test_a_failure_holds_back_the_later_ones_of_the_volume(self) -> None:
        self.emit("a/1", "b/1", "a/2")
        self.due()
        self.outbox.failed("log", "a/1", "no answer", retry_at=at(30))
        self.assertEqual(["b/1"], self.due())
        self.clock.forward(30)
        found = self.outbox.due("log", owner="me", limit=10, lease_seconds=10)
        self.assertEqual([("a/1", 1), ("b/1", 0), ("a/2", 0)], [(each.event.id, each.tries) for each in found])

    def test_what_is_parked_holds_nothing_back(self) -> None:
        self.emit("a/1", "a/2")
        self.due()
        self.outbox.failed("log", "a/1", "refused", retry_at=None)
        self.outbox.failed("log", "a/1", "too late", retry_at=at(1))
        self.assertEqual(["a/2"], self.due())
        self.assertEqual([("log", "a/1", "refused")], [(n, event.id, why) for n, event, why in self.outbox.parked()])
        self.assertEqual([], self.outbox.parked("other"))

    def test_each_notifier_gets_everything(self) -> None:
        self.emit("a/1")
        self.assertEqual(["a/1"], self.due("log"))
        self.assertEqual(["a/1"], self.due("jsonl", owner="other"))
        self.outbox.delivered("log", "a/1")
        self.outbox.failed("jsonl", "a/1", "disk full", retry_at=at(0))
        self.assertEqual([], self.due("log"))
        self.assertEqual(["a/1"], self.due("jsonl"))

    def test_events_of_no_volume_hold_nothing_back(self) -> None:
        self.outbox.emit(an_event("x", None))
        self.outbox.emit(an_event("y", None))
        self.due()
        self.outbox.failed("log", "x", "no", retry_at=at(99))
        self.assertEqual(["y"], self.due())

    def test_more_than_a_page(self) -> None:
        names = [f"a/{number}" for number in range(205)]
        for name in names:
            self.outbox.emit(an_event(name, "a"))
        self.outbox.emit(an_event("z/1", "z"))
        self.due(limit=1)
        self.outbox.failed("log", "a/0", "no", retry_at=at(99))
        self.assertEqual(["z/1"], self.due())

    def test_what_everybody_got_is_forgotten_in_time(self) -> None:
        self.emit("a/1", "a/2", "a/3")
        for notifier in ("log", "jsonl"):
            self.due(notifier)
            self.outbox.delivered(notifier, "a/1")
        self.outbox.delivered("log", "a/2")
        self.assertEqual(0, self.outbox.purge(before=NOON))
        self.assertEqual(1, self.outbox.purge(before=at(1)))
        self.assertEqual(["a/2", "a/3"], [event.id for event in self.outbox.of("a")])

    def test_an_event_waits_for_every_notifier_that_is_expected(self) -> None:
        self.outbox.expect(["log", "slow"])
        self.emit("a/1")
        self.due("log")
        self.outbox.delivered("log", "a/1")
        self.assertEqual(0, self.outbox.purge(before=at(1)))
        self.assertEqual(["a/1"], self.due("slow"))

    def test_a_notifier_that_was_removed_is_not_waited_for(self) -> None:
        self.emit("a/1")
        self.due("removed")
        self.clock.forward(2 * 24 * 3600)
        self.due("log")
        self.outbox.delivered("log", "a/1")
        self.assertEqual(1, self.outbox.purge(before=self.clock.forward(1)))

    def test_without_any_notifier_events_are_forgotten_too(self) -> None:
        self.emit("a/1")
        self.assertEqual(1, self.outbox.purge(before=at(1)))


class RecordsContract(World):
    """Decisions, messages and failures."""

    def test_decisions_that_led_to_nothing(self) -> None:
        decisions = Decisions(self.database)
        first = decisions.record("v1", {"reason": "none fits", "weight": float("nan"), "config_generation": 3})
        second = decisions.record("v1", {"reason": "none fits still"})
        decisions.record(None, {})
        self.assertEqual([first, second], [each.id for each in decisions.of("v1")])
        self.assertEqual(
            {"reason": "none fits", "weight": "nan", "config_generation": 3}, decisions.of("v1")[0].document
        )
        latest = decisions.latest("v1")
        assert latest is not None
        self.assertEqual(
            (second, REFUSED, None, 0), (latest.id, latest.outcome, latest.pool_id, latest.config_generation)
        )
        self.assertIsNone(decisions.latest("v2"))

    def test_messages_are_read_by_their_project(self) -> None:
        messages = Messages(self.database)
        for text in ("first", "sécond"):
            messages.record(Message(volume_id="v1", project_id="p1", code="VS1", text=text))
        self.assertEqual(["first", "sécond"], [each.text for each in messages.of("v1", "p1")])
        self.assertEqual(2, len(messages.of("v1")))
        self.assertEqual([], messages.of("v1", "p2"))
        self.assertEqual([], messages.of("v2"))

    def test_a_failure_is_written_down_once_and_whole(self) -> None:
        created(self.database, "v1")
        for _ in range(2):
            Failures(self.database).record(
                volume_id="v1",
                status=VolumeStatus.ERROR,
                event=an_event(event_type="scheduler.create_volume"),
                message=Message(volume_id="v1", project_id="p1", code="VS1", text="no room"),
                decision={"reason": "none fits"},
            )
        self.assertEqual(VolumeStatus.ERROR, Volumes(self.database).get("v1").status)
        self.assertEqual(1, len(Messages(self.database).of("v1")))
        self.assertEqual(1, len(Decisions(self.database).of("v1")))
        self.assertEqual(1, len(Outbox(self.database).of("v1")))

    def test_a_failure_of_no_volume(self) -> None:
        Failures(self.database).record(
            volume_id=None, status=None, event=an_event("e", None), message=None, decision=None
        )
        self.assertEqual(1, len(Outbox(self.database).due("log", owner="me", limit=5, lease_seconds=1)))
