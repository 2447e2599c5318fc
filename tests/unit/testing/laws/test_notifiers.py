"""The laws for notifiers bite."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.unit.testing.laws import biting
from volsched.model.event import Event, Priority
from volsched.plugins import Notifier
from volsched.testing import NotifierConformance, PluginConformance

ARRIVED: list[str] = []
GUARD = threading.Lock()


class Sound(Notifier):
    """Keeps the ids of events."""

    contract = (1, 0)
    stopped = False

    def notify(self, event: Event) -> None:
        with GUARD:
            ARRIVED.append(event.id)


class Choosy(Sound):
    def notify(self, event: Event) -> None:
        if event.priority is not Priority.ERROR:
            super().notify(event)


class Reversing(Sound):
    def notify(self, event: Event) -> None:
        ARRIVED.insert(0, event.id)


class Proud(Sound):
    def notify(self, event: Event) -> None:
        if event.id in ARRIVED:
            raise ValueError("had it already")
        super().notify(event)


class Final(Sound):
    def stop(self) -> None:
        self.stopped = True

    def notify(self, event: Event) -> None:
        if not self.stopped:
            super().notify(event)


class Editing(Sound):
    def notify(self, event: Event) -> None:
        event.payload["sent"] = True  # type: ignore[index]
        super().notify(event)


class Racing(Sound):
    def notify(self, event: Event) -> None:
        before = list(ARRIVED)
        time.sleep(0)
        ARRIVED[:] = [*before, event.id]


class NotifierLawsTest(biting.BitingTestCase):
    kit = NotifierConformance
    beyond = PluginConformance
    sound = Sound
    broken: ClassVar[Mapping[str, type]] = {
        "test_every_event_arrives_in_order": Choosy,
        "test_the_same_event_twice_is_harmless": Proud,
        "test_it_delivers_after_a_pause": Final,
        "test_the_event_is_unchanged": Editing,
        "test_it_is_safe_under_threads": Racing,
    }
    hooks: ClassVar[Mapping[str, Any]] = {"delivered": lambda case: ARRIVED}

    def told(self, law: str, plugin_class: Any, **hooks: Any) -> str | None:
        ARRIVED.clear()
        return super().told(law, plugin_class, **hooks)

    def test_events_out_of_order(self) -> None:
        self.assertIsNotNone(self.told("test_every_event_arrives_in_order", Reversing))
