"""Every shipped notifier passes the laws."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from unittest import mock

from oslo_messaging._drivers.impl_fake import FakeExchange

from tests import TestCase
from tests.receivers import Receiver
from volsched import testing


def listen_to(case: TestCase, name: str, lines: list[str]) -> None:
    """Record the events of a logger during the test."""
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    case.addCleanup(logger.removeHandler, handler)
    case.addCleanup(logger.setLevel, logger.level)
    case.addCleanup(setattr, logger, "propagate", logger.propagate)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class TestJsonl(testing.NotifierConformance, TestCase):
    plugin_name = "jsonl"

    def setUp(self) -> None:
        super().setUp()
        self.path = self.folder() / "events.jsonl"

    def configuration(self) -> Mapping[str, Any]:
        return {"path": str(self.path)}

    def delivered(self) -> Sequence[str]:
        return [json.loads(line)["id"] for line in self.path.read_text().splitlines()] if self.path.exists() else []


class TestLog(testing.NotifierConformance, TestCase):
    plugin_name = "log"

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        listen_to(self, self.configuration()["logger"], self.lines)

    def configuration(self) -> Mapping[str, Any]:
        return {"logger": "volsched.tests.conformance"}

    def delivered(self) -> Sequence[str]:
        return [json.loads(line.partition(" ")[2])["id"] for line in self.lines]


class TestMessaging(testing.NotifierConformance, TestCase):
    plugin_name = "messaging"

    def setUp(self) -> None:
        super().setUp()
        self.topic = f"topic-{uuid.uuid4()}"
        self.sent: list[str] = []
        deliver = FakeExchange.deliver_message

        def see(exchange: FakeExchange, topic: str, context: Any, message: Any, **more: Any) -> None:
            deliver(exchange, topic, context, message, **more)
            self.sent.append(message["message_id"])

        # The bus keeps one queue a priority: only here is the order of all of them to be seen.
        self.enterContext(mock.patch.object(FakeExchange, "deliver_message", see))

    def configuration(self) -> Mapping[str, Any]:
        return {"transport_url": "fake://", "topic": self.topic}

    def delivered(self) -> Sequence[str]:
        return self.sent


class TestNoop(testing.NotifierConformance, TestCase):
    plugin_name = "noop"


class TestPrometheus(testing.NotifierConformance, TestCase):
    plugin_name = "prometheus"
    config: ClassVar[Mapping[str, Any]] = {"port": 0}


class TestWebhook(testing.NotifierConformance, TestCase):
    plugin_name = "webhook"

    def setUp(self) -> None:
        super().setUp()
        self.receiver = self.enterContext(Receiver(self.folder()))

    def configuration(self) -> Mapping[str, Any]:
        return {
            "url": self.receiver.url,
            "secret": "a secret of the conformance test",
            "ca_file": str(self.receiver.ca_file),
        }

    def delivered(self) -> Sequence[str]:
        return [received.id for received in self.receiver.received]


class TestDatabase(testing.NotifierConformance, TestCase):
    plugin_name = "database"


class TestFanout(testing.NotifierConformance, TestCase):
    plugin_name = "fanout"
    config: ClassVar[Mapping[str, Any]] = {"targets": ["log", "noop"]}

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        listen_to(self, "volsched.notification", self.lines)

    def delivered(self) -> Sequence[str]:
        return [json.loads(line.partition(" ")[2])["id"] for line in self.lines]
