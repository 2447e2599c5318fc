"""What one process says to another over the bus. All of it may get lost: the truth is in the database.

Requests and work are rows there, so a message about them names the volume and says no more. Capability reports are
rows as well; on the bus they reach every scheduler sooner than it would look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from volsched.messaging import transport as bus
from volsched.messaging.validation import message_of
from volsched.model.report import CapabilityReport
from volsched.model.work import SCHEDULER_QUEUE, agent_queue

NOBODY: Mapping[str, Any] = {}


class SchedulerAPI:
    """Casts to the schedulers. Each raises what the bus raises when it is down: wake through `RpcCaster`."""

    def __init__(self, transport: Any) -> None:
        self._client = bus.client(transport, bus.SCHEDULER_TOPIC)

    def wake(self, queue: str = SCHEDULER_QUEUE) -> None:
        """There is work in the queue: one scheduler looks."""
        self._client.cast(NOBODY, "wake", queue=queue)

    def create_volume(self, context: Any, volume: Mapping[str, Any]) -> None:
        """This volume waits to be placed."""
        self._client.cast(context, "create_volume", volume_id=volume["id"])

    def extend_volume(self, context: Any, volume: Mapping[str, Any]) -> None:
        """This volume waits for more room."""
        self._client.cast(context, "extend_volume", volume_id=volume["id"])

    def manage_existing(self, context: Any, volume: Mapping[str, Any]) -> None:
        """This volume waits to be taken under management."""
        self._client.cast(context, "manage_existing", volume_id=volume["id"])

    def update_service_capabilities(self, context: Any, report: CapabilityReport) -> None:
        """What a storage service has now, to every scheduler. Raises InvalidRequest where the report is no JSON."""
        self._client.prepare(fanout=True).cast(context, "update_service_capabilities", **message_of(report))


class VolumeAPI:
    """Casts to the agent that serves a backend. Each raises what the bus raises when it is down."""

    def __init__(self, transport: Any) -> None:
        self._client = bus.client(transport, bus.AGENT_TOPIC)

    def wake(self, backend_id: str) -> None:
        """There is work for this backend."""
        self._client.prepare(server=backend_id).cast(NOBODY, "wake", queue=agent_queue(backend_id))

    def create_volume(self, context: Any, backend_id: str, volume: Mapping[str, Any]) -> None:
        """This volume was placed and waits to be made."""
        self._to(backend_id, context, "create_volume", volume)

    def delete_volume(self, context: Any, backend_id: str, volume: Mapping[str, Any]) -> None:
        """This volume waits to be removed."""
        self._to(backend_id, context, "delete_volume", volume)

    def extend_volume(self, context: Any, backend_id: str, volume: Mapping[str, Any]) -> None:
        """This volume has the room, and waits to grow."""
        self._to(backend_id, context, "extend_volume", volume)

    def manage_existing(self, context: Any, backend_id: str, volume: Mapping[str, Any]) -> None:
        """This volume's backend passed the filters, and is to take it over."""
        self._to(backend_id, context, "manage_existing", volume)

    def _to(self, backend_id: str, context: Any, method: str, volume: Mapping[str, Any]) -> None:
        self._client.prepare(server=backend_id).cast(context, method, volume_id=volume["id"])


def waker(transport: Any) -> Callable[[str], None]:
    """How `RpcCaster` wakes whoever serves a queue."""
    schedulers, agents = SchedulerAPI(transport), VolumeAPI(transport)
    prefix = agent_queue("")

    def send(queue: str) -> None:
        if queue.startswith(prefix):
            agents.wake(queue.removeprefix(prefix))
        else:
            schedulers.wake(queue)

    return send
