"""What a scheduler and an agent hear over the bus. Whatever it is, it is checked, and then only wakes somebody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from volsched.exceptions import InvalidRequest
from volsched.messaging import validation
from volsched.model.ports import Clock
from volsched.model.report import CapabilityReport

LOG = logging.getLogger(__name__)


class WorkEndpoint:
    """Hears that there is work: what every process that serves queues listens to."""

    def __init__(self, woken: Callable[[], object]) -> None:
        self._woken = woken

    def wake(self, context: Mapping[str, Any], queue: str) -> None:
        self._hear(context, "wake", validation.name("queue", queue))

    def create_volume(self, context: Mapping[str, Any], volume_id: str) -> None:
        self._hear(context, "create_volume", validation.name("volume_id", volume_id))

    def delete_volume(self, context: Mapping[str, Any], volume_id: str) -> None:
        self._hear(context, "delete_volume", validation.name("volume_id", volume_id))

    def extend_volume(self, context: Mapping[str, Any], volume_id: str) -> None:
        self._hear(context, "extend_volume", validation.name("volume_id", volume_id))

    def manage_existing(self, context: Mapping[str, Any], volume_id: str) -> None:
        self._hear(context, "manage_existing", validation.name("volume_id", volume_id))

    def _hear(self, context: Mapping[str, Any], what: str, about: str) -> None:
        LOG.debug("heard %s of %s (request %s)", what, about, context.get("request_id"))
        self._woken()


class ReportEndpoint:
    """Hears capability reports: beside a WorkEndpoint, what a scheduler listens to."""

    def __init__(self, take: Callable[[CapabilityReport], object], clock: Clock) -> None:
        self._take = take
        self._clock = clock

    def update_service_capabilities(self, context: Mapping[str, Any], **message: Any) -> None:
        """A report that has not the form of one is refused and told; those of other backends go on."""
        try:
            report = validation.report_from(message, received_at=self._clock())
        except InvalidRequest as problem:
            LOG.warning("a capability report of %.80r was refused: %s", message.get("host"), problem)
            return
        self._take(report)
