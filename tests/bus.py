"""A real listener to oslo.messaging notifications, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from volsched.plugins.bus import oslo_messaging_on_threads, private_configuration


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One notification as an endpoint gets it."""

    priority: str
    publisher_id: str
    event_type: str
    payload: Any
    message_id: str


class Listener:
    """What any service that listens to a topic does. Keeps every notification."""

    def __init__(self, url: str, topic: str, exchange: str = "volsched") -> None:
        messaging = oslo_messaging_on_threads()
        self.heard: list[Heard] = []
        self._arrived = threading.Condition()
        self._transport = messaging.get_notification_transport(private_configuration("volsched-tests"), url=url)
        self._server = messaging.get_notification_listener(
            self._transport, [messaging.Target(topic=topic, exchange=exchange)], [self], executor="threading"
        )

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.stop()
        self._server.wait()

    def wait_for(self, enough: Callable[[list[Heard]], bool], seconds: float) -> bool:
        """Whether what was heard became enough within the time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: enough(self.heard), seconds)

    def info(self, context: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        self._hear("info", publisher_id, event_type, payload, metadata)

    def warn(self, context: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        self._hear("warn", publisher_id, event_type, payload, metadata)

    def error(self, context: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        self._hear("error", publisher_id, event_type, payload, metadata)

    def _hear(self, priority: str, publisher_id: str, event_type: str, payload: Any, metadata: Any) -> None:
        heard = Heard(
            priority=priority,
            publisher_id=publisher_id,
            event_type=event_type,
            payload=payload,
            message_id=metadata["message_id"],
        )
        with self._arrived:
            self.heard.append(heard)
            self._arrived.notify_all()
