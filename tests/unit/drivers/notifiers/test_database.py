"""The notifier that writes messages for users."""

from __future__ import annotations

from typing import Any

from ddt import data, ddt, unpack

from tests import TestCase
from volsched.model.event import Event, Priority
from volsched.testing import an_event
from volsched.testing.builders import PROJECT_ID, VOLUME_ID, a_volume
from volsched.testing.memory import MemoryMessages
from volsched_drivers.notifiers.database import DatabaseNotifier

VOLUME = a_volume(5).plain()


def about(event_type: str, **payload: Any) -> Event:
    return an_event(f"id of {event_type}", event_type=event_type, payload={"volume": VOLUME, **payload})


@ddt
class DatabaseTest(TestCase):
    def setUp(self) -> None:
        self.log = MemoryMessages()
        self.notifier = DatabaseNotifier()
        self.notifier.messages(self.log)
        self.notifier.start()

    @data(
        (about("volume.create.end"), "VS-DONE", "the volume of 5 GiB is ready"),
        (about("volume.extend.end", size_gb=7), "VS-DONE", "the volume has been extended to 7 GiB"),
        (about("volume.manage.end", size_gb=3), "VS-DONE", "the volume of 3 GiB is under management"),
        (about("volume.migrate.end", from_pool="a@b#c"), "VS-DONE", "the volume was moved to other storage"),
        (about("volume.snapshot.end", snapshot={"id": "s1"}), "VS-DONE", "snapshot s1 is ready"),
        (about("volume.delete_snapshot.end", snapshot={"id": "s1"}), "VS-DONE", "snapshot s1 is removed"),
        (about("volume.delete.end"), "VS-DONE", "the volume is removed"),
        (about("scheduler.retype_volume.end"), "VS-DONE", "the volume can have its new type"),
        (
            about("volume.create.reschedule", reason="host1 is on fire"),
            "VS-RESCHEDULED",
            "the volume could not be created in the chosen pool; another pool is tried",
        ),
    )
    @unpack
    def test_owner_reads_a_message_about_each_success(self, event: Event, code: str, text: str) -> None:
        for _ in range(2):
            self.notifier.notify(event)
        (message,) = self.log.recorded
        self.assertEqual(
            (VOLUME_ID, PROJECT_ID, code, text), (message.volume_id, message.project_id, message.code, message.text)
        )

    def test_other_events_write_no_message(self) -> None:
        for event in (
            about("volume.create.start"),
            an_event(event_type="scheduler.create_volume", priority=Priority.ERROR),
            an_event(event_type="volume.create.error", priority=Priority.ERROR),
            an_event(event_type="volume.delete.end", volume_id=None),
            an_event(event_type="capacity.pool"),
        ):
            self.notifier.notify(event)
        self.assertEqual([], self.log.recorded)

    def test_missing_log_is_an_error(self) -> None:
        with self.assertRaisesRegex(RuntimeError, r"messages\(\) was not called"):
            DatabaseNotifier().notify(about("volume.create.end"))
