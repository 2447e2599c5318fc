"""Bad messages on a real broker: they wake no process, stop none, and do not fill the log."""

from __future__ import annotations

import logging
import threading

from kombu.connection import Connection

from tests import TestCase, servers
from tests.functional.program import PATIENCE_SECONDS
from volsched.messaging import transport as bus

COUNT = 1000
MOST_LINES = 10
BODIES = (
    "no JSON",
    '{"oslo.version": "2.0", "oslo.message": "{"}',
    '{"oslo.version": "2.0", "oslo.message": "[]"}',
    '{"oslo.version": "2.0", "oslo.message": "{\\"method\\": \\"update_service_capabilities\\", \\"args\\": {}}"}',
    '{"method": "wake", "args": {"queue": 5}}',
    "[]",
)


class Lines(logging.Handler):
    """Counts what would be written to the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.extend(self.format(record).splitlines())


class TestBadMessages(TestCase):
    def test_thousands_of_bad_messages_leave_a_few_lines(self) -> None:
        url = servers.require("rabbitmq").url
        woken = threading.Event()
        transport = bus.connect(url)
        self.addCleanup(transport.cleanup)
        server = bus.server(transport, bus.AGENT_TOPIC, "host@bad", woken.set)
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        seen = Lines()
        logging.getLogger().addHandler(seen)
        self.addCleanup(logging.getLogger().removeHandler, seen)
        with Connection(url.replace("rabbit:", "amqp:", 1)) as connection:
            producer = connection.Producer()
            for number in range(COUNT):
                body = BODIES[number % len(BODIES)]
                producer.publish(
                    body,
                    exchange=bus.EXCHANGE,
                    routing_key=f"{bus.AGENT_TOPIC}.host@bad",
                    content_type="application/json",
                    content_encoding="utf-8",
                )
        bus.sender(transport)("agent:host@bad")
        self.assertTrue(woken.wait(PATIENCE_SECONDS), "\n".join(seen.lines))
        self.assertTrue(seen.lines)
        self.assertLess(len(seen.lines), MOST_LINES, "\n".join(seen.lines[:50]))
