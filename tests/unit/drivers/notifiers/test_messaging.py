"""The oslo.messaging notifier, on oslo.messaging's bus within one process; tests/functional has the real broker."""

from __future__ import annotations

import socket
import time
import uuid
from typing import Any

from ddt import data, ddt, unpack

from tests import TestCase
from tests.bus import Listener
from volsched.exceptions import EventRefused
from volsched.model.event import Priority
from volsched.testing import an_event
from volsched_drivers.notifiers.messaging import MessagingNotifier

FAKE = "fake://"
PATIENCE_SECONDS = 10


class MessagingTestCase(TestCase):
    def notifier(self, **options: Any) -> MessagingNotifier:
        made = MessagingNotifier(**{"transport_url": FAKE, **options})
        self.addCleanup(made.stop)
        self.assertEqual([], made.validate())
        made.start()
        return made


class TestSending(MessagingTestCase):
    def test_listener_receives_every_priority(self) -> None:
        topic = f"topic-{uuid.uuid4()}"
        notifier = self.notifier(topic=topic)
        events = [an_event(f"event-{priority}", priority=priority, payload={"ü": [1, None]}) for priority in Priority]
        with Listener(FAKE, topic) as listener:
            for event in events:
                notifier.notify(event)
            self.assertTrue(listener.wait_for(lambda heard: len(heard) == len(events), PATIENCE_SECONDS))
        heard = {one.message_id: one for one in listener.heard}
        for event in events:
            one = heard[event.id]
            self.assertEqual(event.plain(), one.payload)
            self.assertEqual(
                (event.priority.value, event.publisher, event.event_type),
                (one.priority, one.publisher_id, one.event_type),
            )

    def test_event_that_cannot_be_written_as_json_is_refused_for_good(self) -> None:
        for payload in ({"size": float("nan")}, {"size": float("inf")}):
            with self.assertRaisesRegex(EventRefused, "cannot be written as JSON"):
                self.notifier().notify(an_event(payload=payload))

    def test_numeric_keys_become_text_before_sending(self) -> None:
        topic = f"topic-{uuid.uuid4()}"
        with Listener(FAKE, topic) as listener:
            self.notifier(topic=topic).notify(an_event(payload={"by": {1: (2, 3)}}))
            self.assertTrue(listener.wait_for(lambda heard: len(heard) == 1, PATIENCE_SECONDS))
        self.assertEqual({"by": {"1": [2, 3]}}, listener.heard[0].payload["payload"])


class TestUnreachableBrokers(MessagingTestCase):
    def closed(self) -> str:
        """Return a URL where no broker listens; the port stays taken."""
        taken = self.enterContext(socket.socket())
        taken.bind(("127.0.0.1", 0))
        return f"rabbit://user:a-password@127.0.0.1:{taken.getsockname()[1]}/"

    def silent(self) -> str:
        """Return a URL where a server accepts connections and sends nothing."""
        listening = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        return f"rabbit://user:a-password@127.0.0.1:{listening.getsockname()[1]}/"

    def test_broker_that_is_down_is_an_error_within_the_timeout(self) -> None:
        notifier = self.notifier(transport_url=self.closed(), retry=0)
        before = time.monotonic()
        with self.assertRaisesRegex(Exception, "refused"):
            notifier.notify(an_event())
        self.assertLess(time.monotonic() - before, 3)
        self.assertRegex(notifier.health() or "", r"no broker answers: 127.0.0.1:\d+: .*refused")

    def test_silent_broker_is_an_error_within_the_timeout(self) -> None:
        notifier = self.notifier(transport_url=self.silent(), timeout=0.3)
        for problem in ("did not confirm the event within 0.3 s", "an earlier event is not confirmed"):
            before = time.monotonic()
            with self.assertRaisesRegex(TimeoutError, problem):
                notifier.notify(an_event())
            self.assertLess(time.monotonic() - before, 2)

    def test_errors_contain_no_password(self) -> None:
        for url in (self.closed(), self.silent()):
            notifier = self.notifier(transport_url=url, retry=0, timeout=0.3)
            with self.assertRaises(Exception) as caught:
                notifier.notify(an_event())
            self.assertNotIn("a-password", f"{caught.exception}{notifier.health()}")


@ddt
class TestOptions(TestCase):
    @data(
        ({"transport_url": "nonsense"}, "without a driver"),
        ({"transport_url": "rabbit://host:port/"}, "cannot be parsed"),
        ({"topic": " "}, "expected names, got an empty one"),
        ({"exchange": ""}, "expected names, got an empty one"),
    )
    @unpack
    def test_bad_options_are_named(self, options: dict[str, Any], problem: str) -> None:
        notifier = MessagingNotifier(**{"transport_url": FAKE, **options})
        self.assertRegex("; ".join(notifier.validate()), problem)

    def test_unknown_driver_is_an_error_at_start(self) -> None:
        with self.assertRaisesRegex(Exception, "(?i)pigeon"):
            MessagingNotifier(transport_url="pigeon://loft/").start()
