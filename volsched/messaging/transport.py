"""The message bus: a connection to it that knows nothing of global configuration, and servers on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from volsched.exceptions import ConfigurationError
from volsched.messaging.validation import MOST_NAME, plain_json
from volsched.plugins.bus import completed, oslo_messaging_on_threads, private_configuration

SCHEDULER_TOPIC = "volsched-scheduler"
AGENT_TOPIC = "volsched-agent"
VERSION = "1.0"
EXAMPLE = "e.g. rabbit://USER:PASSWORD@HOST:5672/"
EXCHANGE = "volsched"  # not the one that other services on the same broker use

#: What we want of RabbitMQ where the URL's query does not say otherwise. Quorum queues outlive a broker's restart, and
#: a queue's kind cannot be changed later.
RABBIT = {"rabbit_quorum_queue": "true", "rabbit_interval_max": "10"}


class JsonOnly:
    """An oslo.messaging serializer that lets only JSON through, on every driver (`fake://` would pass any object)."""

    def serialize_entity(self, context: Any, entity: Any) -> Any:
        return plain_json("argument", entity)

    def deserialize_entity(self, context: Any, entity: Any) -> Any:
        return plain_json("argument", entity)

    def serialize_context(self, context: Any) -> dict[str, Any]:
        """Only what ties log lines together; no credentials travel."""
        request_id = context.get("request_id") if isinstance(context, dict) else getattr(context, "request_id", None)
        return {"request_id": request_id} if isinstance(request_id, str) else {}

    def deserialize_context(self, context: Any) -> dict[str, Any]:
        request_id = context.get("request_id")
        return {"request_id": request_id[:MOST_NAME]} if isinstance(request_id, str) else {}


def connect(url: str) -> Any:
    """An oslo.messaging RPC transport. Connects when it is first used; make it after forking.

    Raises ConfigurationError where `url` names no bus.
    """
    messaging = oslo_messaging_on_threads()
    try:
        return messaging.get_rpc_transport(private_configuration(), url=completed(url, RABBIT))
    except (messaging.DriverLoadFailure, ImportError) as problem:
        what = f"names no message bus: {problem}; {EXAMPLE}"
        raise ConfigurationError("[messaging] transport_url", what) from problem
    except (messaging.InvalidTransportURL, ValueError):
        # What these errors quote may hold a password: it is not shown.
        what = f"names no message bus that can be understood; {EXAMPLE}"
        raise ConfigurationError("[messaging] transport_url", what) from None


def client(transport: Any, topic: str) -> Any:
    """An RPC client whose casts give up at once when the bus is down."""
    messaging = oslo_messaging_on_threads()
    target = messaging.Target(exchange=EXCHANGE, topic=topic, version=VERSION)
    return messaging.get_rpc_client(transport, target, serializer=JsonOnly(), retry=0)


def server(transport: Any, topic: str, name: str, endpoints: Sequence[Any]) -> Any:
    """An RPC server (`start`, `stop`, `wait`) for a topic; `name` is its own queue beside the shared one."""
    messaging = oslo_messaging_on_threads()
    return messaging.get_rpc_server(
        transport,
        messaging.Target(exchange=EXCHANGE, topic=topic, server=name),
        list(endpoints),
        serializer=JsonOnly(),
        access_policy=messaging.DefaultRPCAccessPolicy,
    )
