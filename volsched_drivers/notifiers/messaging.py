"""The notifier that sends oslo.messaging notifications."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from volsched.exceptions import EventRefused
from volsched.plugins import Event, Notifier
from volsched.plugins.bus import RABBIT, completed, oslo_messaging_on_threads, private_configuration

if TYPE_CHECKING:
    from oslo_config import cfg

AMQP_PORT = 5672
#: Queues that survive a restart of the broker. The URL's query may override it; listeners must use the same.
QUORUM = "rabbit_quorum_queue"


class MessagingNotifier(Notifier):
    """Sends each event as an oslo.messaging notification (format messagingv2) to the topic `TOPIC.PRIORITY`.

    Any listener that uses oslo.messaging receives them. The message id is the event's id; the payload is the whole
    event. A notification is delivered when the broker has confirmed it.
    """

    contract = (1, 0)

    def __init__(
        self,
        *,
        transport_url: str,
        topic: str = "volsched_notifications.v1",
        exchange: str = "volsched",
        retry: int = 1,
        timeout: float = 5.0,
    ) -> None:
        self.transport_url = transport_url
        self.topic = topic
        self.exchange = exchange
        self.retry = retry
        self.timeout = timeout
        self._guard = threading.Lock()
        self._sending = threading.Lock()  # one at a time, to keep the order
        self._transport: Any = None

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "transport_url",
                required=True,
                secret=True,
                help="oslo.messaging's URL of the broker: rabbit://USER:PASSWORD@HOST:5672/. Queues are quorum queues "
                "unless its query says ?rabbit_quorum_queue=false; listeners must be set to the same.",
            ),
            cfg.StrOpt(
                "topic",
                default="volsched_notifications.v1",
                help="Topic of the notifications; its version is the major number of the events' schema.",
            ),
            cfg.StrOpt(
                "exchange",
                default="volsched",
                help="Exchange of the notifications: the control exchange of listeners, or that of their target.",
            ),
            cfg.IntOpt(
                "retry",
                default=1,
                min=0,
                max=10,
                help="How often oslo.messaging reconnects for one event; then the event waits in the outbox for the "
                "next delivery.",
            ),
            cfg.FloatOpt(
                "timeout",
                default=5.0,
                min=0.1,
                max=60.0,
                help="Seconds for one event. Must be less than [notifications] timeout (10).",
            ),
        )

    def validate(self) -> list[str]:
        problems = []
        try:
            scheme, _ = urlsplit(self.transport_url).scheme, _brokers(self.transport_url)
        except ValueError as problem:
            return [f"transport_url: expected a URL, got one that cannot be parsed: {problem}"]
        if not scheme:
            problems.append("transport_url: expected rabbit://USER:PASSWORD@HOST:5672/, got a URL without a driver")
        if not self.topic.strip() or not self.exchange.strip():
            problems.append("topic, exchange: expected names, got an empty one")
        return problems

    def start(self) -> None:
        """Raises where the URL is not usable. A broker that is down is not an error: events wait in the outbox."""
        with self._guard:
            self._opened()

    def stop(self) -> None:
        with self._guard:
            transport, self._transport = self._transport, None
        # A send that still hangs is left to the end of the process: cleaning up would hang as well.
        if transport is not None and self._sending.acquire(timeout=self.timeout):
            try:
                if urlsplit(self.transport_url).scheme != "fake":  # its cleanup discards what was sent
                    transport.cleanup()
            finally:
                self._sending.release()

    def health(self) -> str | None:
        if urlsplit(self.transport_url).scheme not in RABBIT:
            return None
        problems: list[str] = []
        for host, port in _brokers(self.transport_url):
            try:
                socket.create_connection((host, port), timeout=1.0 / (len(problems) + 1)).close()
            except OSError as problem:
                problems.append(f"{host}:{port}: {problem}")
            else:
                return None
        return "no broker answers: " + "; ".join(problems)

    def notify(self, event: Event) -> None:
        """Raises EventRefused where it cannot be written as JSON, TimeoutError, and errors of oslo.messaging."""
        message = _message_of(event)
        until = time.monotonic() + self.timeout
        if not self._sending.acquire(timeout=self.timeout):
            raise TimeoutError(f"an earlier event is not confirmed by the broker after {self.timeout:g} s")
        answers: list[BaseException | None] = []
        try:
            with self._guard:
                transport = self._opened()
            sender = threading.Thread(
                target=self._send, args=(transport, message, answers), name=f"bus-{event.id[:8]}", daemon=True
            )
            sender.start()
        except BaseException:
            self._sending.release()
            raise
        sender.join(max(0.0, until - time.monotonic()))
        if not answers:
            raise TimeoutError(f"the broker did not confirm the event within {self.timeout:g} s")
        if answers[0] is not None:
            raise answers[0]

    def _send(self, transport: Any, message: Mapping[str, Any], answers: list[BaseException | None]) -> None:
        """Send in a thread of its own, for a connection that hangs cannot be interrupted.

        oslo.messaging's Notifier logs errors and returns normally; this method, which it calls, raises them.
        """
        try:
            target = oslo_messaging_on_threads().Target(
                exchange=self.exchange, topic=f"{self.topic}.{message['priority'].lower()}"
            )
            transport._send_notification(target, {}, message, version=2.0, retry=self.retry)
            answers.append(None)
        except BaseException as problem:  # noqa: BLE001 - raised again by `notify`
            answers.append(problem)
        finally:
            self._sending.release()

    def _opened(self) -> Any:
        if self._transport is None:
            messaging = oslo_messaging_on_threads()
            self._transport = messaging.get_notification_transport(
                private_configuration("volsched-notifications"), url=completed(self.transport_url, {QUORUM: "true"})
            )
        return self._transport


def _message_of(event: Event) -> dict[str, Any]:
    """Return the message of oslo.messaging's own notifier, with an id that stays the same when it is sent again."""
    try:
        payload = json.loads(json.dumps(event.plain(), allow_nan=False))
    except (TypeError, ValueError) as problem:
        raise EventRefused(f"the event cannot be written as JSON: {problem}") from None
    return {
        "message_id": event.id,
        "publisher_id": event.publisher,
        "event_type": event.event_type,
        "priority": event.priority.value.upper(),
        "payload": payload,
        "timestamp": str(datetime.fromisoformat(event.occurred_at)),
    }


def _brokers(url: str) -> list[tuple[str, int]]:
    """Return host and port of each broker in a URL. Raises ValueError."""
    found = []
    for one in urlsplit(url).netloc.split(","):
        parts = urlsplit(f"//{one}")
        found.append((parts.hostname or "localhost", parts.port or AMQP_PORT))
    return found
