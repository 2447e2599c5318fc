"""The laws for notifiers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from volsched.model.event import Event, Priority
from volsched.model.ports import MessageLog
from volsched.plugins import MESSAGES, Notifier
from volsched.testing.builders import an_event
from volsched.testing.laws.instruments import ROUNDS, THREADS, concurrently
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.memory import MemoryMessages

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotifierConformance(PluginConformance):
    """The laws of every notifier. Override `delivered` where the test can read what arrives."""

    group = "volsched.notifiers"
    bases = (Notifier,)
    verbs = ("notify",)
    known_capabilities = frozenset({MESSAGES})

    def message_log(self) -> MessageLog:
        """Return the log that a notifier with the capability MESSAGES writes to."""
        return MemoryMessages()

    def make(self) -> Any:
        """Return a new notifier, set up as volsched does it."""
        plugin = super().make()
        if MESSAGES in plugin.capabilities:
            plugin.messages(self.message_log())
        return plugin

    def delivered(self) -> Sequence[str] | None:
        """Return the ids of the events that have arrived, in order; None where the test cannot read them."""
        return None

    def events(self) -> Sequence[Event]:
        """Return the events for the laws."""
        return (
            an_event("plain"),
            an_event("without-volume", volume_id=None, project_id=None, payload={}),
            an_event("grave", priority=Priority.ERROR, payload={"reason": "naïve\nü ☃", "nested": {"list": [1, None]}}),
            an_event("warning", priority=Priority.WARN, event_type="volume.create.end"),
        )

    @contextmanager
    def started(self) -> Iterator[Any]:
        """Yield a started notifier, or skip the law, without sending, where the test cannot read what arrives."""
        if self.delivered() is None:
            self.skipTest("this test cannot read what is delivered: override delivered()")
        plugin = self.make()
        plugin.start()
        try:
            yield plugin
        finally:
            plugin.stop()

    def test_every_event_arrives_in_order(self) -> None:
        """When `notify` has returned, the event is delivered."""
        with self.started() as plugin:
            for event in self.events():
                plugin.notify(event)
            self.assertEqual([event.id for event in self.events()], list(self.delivered() or ()))

    def test_the_same_event_twice_is_harmless(self) -> None:
        """Delivery is at least once."""
        with self.started() as plugin:
            for _ in range(2):
                plugin.notify(self.events()[0])
            self.assertIn(self.events()[0].id, self.delivered() or ())

    def test_it_delivers_after_a_pause(self) -> None:
        """A notifier that is stopped and started again delivers as before."""
        with self.started() as plugin:
            plugin.stop()
            plugin.start()
            plugin.notify(self.events()[0])
            self.assertEqual([self.events()[0].id], list(self.delivered() or ()))

    def test_the_event_is_unchanged(self) -> None:
        """The next notifier receives the same event."""
        with self.started() as plugin:
            for event in self.events():
                before = json.dumps(event.plain(), sort_keys=True)
                plugin.notify(event)
                self.assertEqual(before, json.dumps(event.plain(), sort_keys=True), "the notifier changed the event")

    def test_it_is_safe_under_threads(self) -> None:
        """Several workers may deliver at once: no event is lost or mixed up."""
        with self.started() as plugin:
            problems = concurrently(lambda number: plugin.notify(an_event(f"round-{number}")))
            self.assertFalse(problems, "the notifier fails when several threads deliver at once")
            self.assertEqual(ROUNDS * THREADS, len(self.delivered() or ()), "events were lost")
