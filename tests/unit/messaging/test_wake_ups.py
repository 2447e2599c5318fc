"""Wake-ups between processes, over oslo.messaging's in-memory driver, and what else arrives there."""

from __future__ import annotations

import logging
import os
import queue
from typing import Any
from unittest import mock

import hypothesis
from hypothesis import strategies

from tests import TestCase
from volsched.exceptions import ConfigurationError
from volsched.messaging import transport as bus
from volsched.messaging.caster import RpcCaster
from volsched.plugins.bus import completed, oslo_messaging_on_threads

EXAMPLES = int(os.environ.get("VOLSCHED_FUZZ_EXAMPLES", "60"))
LOGGER = "volsched.messaging.transport"
LONGEST_LINE = 500

SCALARS = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()
ANYTHING = strategies.recursive(
    SCALARS | strategies.sampled_from((10**4000, b"bytes", {3}, object(), "\0", "\ud800", "x" * 70_000)),
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(SCALARS | strategies.sampled_from(("method", "args", "queue")), inner, max_size=4)
    ),
    max_leaves=8,
)


class Incoming:
    """A message as a server of oslo.messaging gives it to its dispatcher."""

    def __init__(self, message: Any) -> None:
        self.message = message


class TestWakeUps(TestCase):
    """A bus with a scheduler and the agent of one backend; `woken` has who was woken, in order."""

    @classmethod
    def setUpClass(cls) -> None:
        # What other tests of this process sent, and nobody received, is not for these.
        cls.enterClassContext(mock.patch.object(bus, "EXCHANGE", "of-these-tests"))
        cls.transport = bus.connect("fake://")
        cls.addClassCleanup(cls.transport.cleanup)
        cls.woken: queue.Queue[str] = queue.Queue()
        cls.serve(bus.SCHEDULER_TOPIC, "host1", "scheduler")
        cls.serve(bus.AGENT_TOPIC, "host1@disk1", "agent")

    @classmethod
    def serve(cls, topic: str, name: str, role: str) -> None:
        server = bus.server(cls.transport, topic, name, lambda: cls.woken.put(role))
        server.start()
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.stop)

    def test_a_queue_wakes_whoever_serves_it(self) -> None:
        caster = RpcCaster(bus.sender(self.transport))
        for name, role in (("agent:host1@disk1", "agent"), ("scheduler", "scheduler")):
            caster.wake(name)
            self.assertEqual(role, self.woken.get(timeout=30))
        caster.stop(30)

    def test_any_other_message_is_ignored_and_the_next_wake_up_counts(self) -> None:
        messaging = oslo_messaging_on_threads()
        target = messaging.Target(exchange=bus.EXCHANGE, topic=bus.SCHEDULER_TOPIC)
        client = messaging.get_rpc_client(self.transport, target, retry=0)
        with self.assertLogs(LOGGER, "DEBUG") as log:
            logging.getLogger(LOGGER).debug("there is always a line")
            client.cast({}, "update_service_capabilities", host="host1@disk1", capabilities={})
            client.cast({}, "wake", queue="")
            client.prepare(version="9.9").cast({}, "wake")
            bus.sender(self.transport)("scheduler")
            self.assertEqual("scheduler", self.woken.get(timeout=30))
        self.assertTrue(self.woken.empty())
        self.assertLessEqual(len(log.output), 2, "\n".join(log.output))


class TestMessages(TestCase):
    def dispatched(self, message: Any) -> int:
        """Dispatch a message; return how often somebody was woken."""
        woken: list[None] = []
        bus.WakeUps(lambda: woken.append(None)).dispatch(Incoming(message))
        return len(woken)

    @hypothesis.given(ANYTHING | strategies.fixed_dictionaries({"method": strategies.just("wake"), "args": ANYTHING}))
    @hypothesis.settings(max_examples=EXAMPLES)
    def test_whatever_comes_in_wakes_nobody_and_raises_nothing(self, message: Any) -> None:
        logger = logging.getLogger(LOGGER)
        with mock.patch.object(logger, "filters", []), self.assertLogs(logger, "WARNING") as log:
            self.assertEqual(0, self.dispatched(message))
        self.assertLess(max(map(len, log.output)), LONGEST_LINE)

    def test_queues_of_schedulers_and_agents_are_woken(self) -> None:
        for name, count in (
            ("scheduler", 1),
            ("agent:h@b", 1),
            ("agent:h\n", 0),
            ("other", 0),
            ("agent:" + "x" * 300, 0),
            (None, 0),
        ):
            with self.subTest(name=name), self.assertLogs(LOGGER, "DEBUG"):
                logging.getLogger(LOGGER).debug("there is always a line")
                self.assertEqual(count, self.dispatched({"method": "wake", "args": {"queue": name}}))

    def test_many_bad_messages_are_one_line_a_minute_with_their_count(self) -> None:
        now = [0.0]
        repeats = bus.RepeatFilter(lambda: now[0])
        logger = logging.getLogger(LOGGER)
        with mock.patch.object(logger, "filters", [repeats]), self.assertLogs(logger, "WARNING") as log:
            for _ in range(20_000):
                self.dispatched({"method": "x"})
            now[0] += bus.REPEAT_SECONDS
            self.dispatched({"method": "x"})
        self.assertEqual(2, len(log.output))
        self.assertIn("method: expected wake, got 'x'", log.output[0])
        self.assertIn("(19999 more of this kind were not logged)", log.output[1])

    def test_an_exception_is_one_line(self) -> None:
        logger = logging.getLogger("volsched.messaging.test")
        logger.addFilter(bus.RepeatFilter())
        with self.assertLogs(logger, "ERROR") as log:
            try:
                raise KeyError("oslo.message")
            except KeyError:
                logger.exception("Failed to process message %d", 5)
        self.assertEqual(
            ["ERROR:volsched.messaging.test:Failed to process message 5: KeyError: 'oslo.message'"], log.output
        )


class TestConnect(TestCase):
    def test_what_names_no_bus_is_a_mistake_in_the_configuration(self) -> None:
        for url in ("smoke://signals", "://", "rabbit://host:port/"):
            with self.subTest(url=url), self.assertRaisesRegex(ConfigurationError, "names no message bus"):
                bus.connect(url)

    def test_rabbit_gets_quorum_queues_unless_the_url_says_otherwise(self) -> None:
        self.assertIn("rabbit_quorum_queue=true", completed("rabbit://u:p@h:5672/", bus.RABBIT))
        own = completed("rabbit://h/?rabbit_quorum_queue=false&ssl=true", bus.RABBIT)
        self.assertIn("rabbit_quorum_queue=false&ssl=true&", own)
        self.assertNotIn("rabbit_quorum_queue=true", own)
        self.assertEqual("fake://", completed("fake://", bus.RABBIT))

    def test_with_tls_a_broker_needs_a_certificate_that_somebody_signed(self) -> None:
        self.assertIn("&ssl_ca_file=/", completed("rabbit://h/?ssl=true"))
        self.assertEqual("rabbit://h/?ssl=1&ssl_ca_file=x", completed("rabbit://h/?ssl=1&ssl_ca_file=x"))
        self.assertEqual("rabbit://h/?ssl=false", completed("rabbit://h/?ssl=false"))
