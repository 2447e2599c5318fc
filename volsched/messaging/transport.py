"""The message bus: a connection with a configuration of its own, and the one message on it, the wake-up.

Work is a row in the database; a message only says that there is some in a queue. All messages may be lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from volsched.exceptions import ConfigurationError
from volsched.model import limits
from volsched.model.parsing import shown
from volsched.model.work import SCHEDULER_QUEUE, agent_queue
from volsched.plugins.bus import completed, oslo_messaging_on_threads, private_configuration

LOG = logging.getLogger(__name__)

SCHEDULER_TOPIC = "volsched-scheduler"
AGENT_TOPIC = "volsched-agent"
VERSION = "1.0"
EXAMPLE = "e.g. rabbit://USER:PASSWORD@HOST:5672/"
EXCHANGE = "volsched"  # not the one that other services on the same broker use
WAKE = "wake"
#: A log message with the same text is written once in this time, with the count of the others.
REPEAT_SECONDS = 60.0

#: Defaults of the URL's query for RabbitMQ. Quorum queues outlive a broker's restart; the kind of a queue cannot be
#: changed later.
RABBIT = {"rabbit_quorum_queue": "true", "rabbit_interval_max": "10"}


class RepeatFilter(logging.Filter):
    """Passes one record with the same text before formatting each minute, in one line with the count of the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[Any, tuple[float, int]] = {}  # text -> when, and how many were not written since

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        now = self._clock()
        with self._lock:
            at, left_out = self._written.get(record.msg, (-REPEAT_SECONDS, 0))
            written = now - at >= REPEAT_SECONDS
            self._written[record.msg] = (now, 0) if written else (at, left_out + 1)
        if written:
            cause = record.exc_info[1] if record.exc_info else None
            text = record.getMessage() + (f": {type(cause).__name__}: {cause!s:.200}" if cause is not None else "")
            if left_out:
                text += f" ({left_out} more of this kind were not logged)"
            record.msg, record.args, record.exc_info, record.exc_text = text, None, None, None
        return written


# Whatever arrives over the bus must not fill the disk: a bad message is logged by us, or by one of these.
_REPEATS = RepeatFilter()
_LOGGERS = (
    __name__,
    "oslo_messaging.rpc.server",
    "oslo.messaging._drivers.impl_rabbit",  # oslo.log spells it so
    "oslo_messaging._drivers.amqpdriver",
)


def connect(url: str) -> Any:
    """Return an oslo.messaging RPC transport, which connects when it is first used: after forking.

    Raises ConfigurationError if `url` names no bus.
    """
    messaging = oslo_messaging_on_threads()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_REPEATS)
    try:
        return messaging.get_rpc_transport(private_configuration(), url=completed(url, RABBIT))
    except (messaging.DriverLoadFailure, ImportError) as problem:
        what = f"names no message bus: {problem}; {EXAMPLE}"
        raise ConfigurationError("[messaging] transport_url", what) from problem
    except (messaging.InvalidTransportURL, ValueError):
        # The text of these errors may contain a password, so it is not shown.
        what = f"names no message bus that can be understood; {EXAMPLE}"
        raise ConfigurationError("[messaging] transport_url", what) from None


def sender(transport: Any) -> Callable[[str], None]:
    """Return a function that wakes a process that serves a queue. It raises what the bus raises: use `RpcCaster`."""
    schedulers, agents = _client(transport, SCHEDULER_TOPIC), _client(transport, AGENT_TOPIC)
    prefix = agent_queue("")

    def send(queue: str) -> None:
        if queue.startswith(prefix):
            agents.prepare(server=queue.removeprefix(prefix)).cast({}, WAKE, queue=queue)
        else:
            schedulers.cast({}, WAKE, queue=queue)

    return send


def _client(transport: Any, topic: str) -> Any:
    """Return an RPC client whose casts give up at once while the bus is down."""
    messaging = oslo_messaging_on_threads()
    target = messaging.Target(exchange=EXCHANGE, topic=topic, version=VERSION)
    return messaging.get_rpc_client(transport, target, retry=0)


def server(transport: Any, topic: str, name: str, woken: Callable[[], object]) -> Any:
    """Return an RPC server (`start`, `stop`, `wait`) that calls `woken` for each wake-up of a topic.

    `name` is the server's own queue beside the shared one.
    """
    messaging = oslo_messaging_on_threads()
    from oslo_messaging.rpc.server import RPCServer

    return messaging.get_rpc_server(
        transport,
        messaging.Target(exchange=EXCHANGE, topic=topic, server=name),
        [],
        server_cls=lambda transport, target, dispatcher, executor: RPCServer(transport, target, WakeUps(woken)),
    )


class WakeUps:
    """The dispatcher of an RPC server, for wake-ups only. Any other message is ignored, whatever it contains."""

    def __init__(self, woken: Callable[[], object]) -> None:
        self._woken = woken

    def dispatch(self, incoming: Any) -> None:
        """Call `woken` if the message is a wake-up."""
        problem = _problem(incoming.message)
        if problem is None:
            self._woken()
        else:
            LOG.warning("a message from the bus was ignored: %s", problem)


def _problem(message: Any) -> str | None:
    """Return why a message is no wake-up, in a few words; None if it is one."""
    if not isinstance(message, Mapping):
        return f"message: expected a mapping, got {type(message).__name__}"
    if message.get("method") != WAKE:
        return f"method: expected {WAKE}, got {shown(message.get('method'))}"
    arguments = message.get("args")
    queue = arguments.get("queue") if isinstance(arguments, Mapping) else None
    if not isinstance(queue, str) or len(queue) > limits.MAX_NAME or not _is_queue(queue):
        return f"queue: expected {SCHEDULER_QUEUE} or {agent_queue('HOST@BACKEND')}, got {shown(queue)}"
    return None


def _is_queue(name: str) -> bool:
    return name == SCHEDULER_QUEUE or (name.startswith(agent_queue("")) and name.isprintable())
