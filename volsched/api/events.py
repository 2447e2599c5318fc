"""Events in the outbox: their delivery to each notifier, and another try for parked ones."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.api.resources import ApiService
from volsched.db.outbox import STATES, Deliveries, DeliveryRecord
from volsched.exceptions import InvalidRequest, NotFound

MOST_RETRIED = 1_000_000


class EventService(ApiService):
    """Events, one record for each notifier. `state`: waiting, parked (after too many failures) or delivered."""

    def list(
        self,
        *,
        state: str | None = None,
        notifier: str | None = None,
        volume_id: str | None = None,
        limit: int = 100,
    ) -> Sequence[DeliveryRecord]:
        """Return the last `limit` deliveries that match, oldest first. Raises InvalidRequest."""
        self._check("event:list")
        if state is not None and state not in STATES:
            raise InvalidRequest("state", f"expected one of {', '.join(STATES)}, got {state!r}")
        if limit < 1:
            raise InvalidRequest("limit", f"expected 1 or more, got {limit}")
        return self._deliveries.list(state=state, notifier=notifier, volume_id=volume_id, limit=limit)

    def get(self, event_id: str) -> Sequence[DeliveryRecord]:
        """Return the deliveries of one event. Raises NotFound."""
        self._check("event:list")
        found = self._deliveries.list(event_ids=[event_id])
        if not found:
            raise NotFound("event", event_id, "volsched event list shows the latest events")
        return found

    def retry(self, event_ids: Sequence[str] | None = None, *, notifier: str | None = None) -> Sequence[DeliveryRecord]:
        """Deliver parked events again, in order, and return their deliveries. None: all parked events.

        They are delivered after events of the same volume that were delivered meanwhile. Raises NotFound.
        """
        self._check("event:retry")
        wanted = None if event_ids is None else list(dict.fromkeys(event_ids))
        parked = self._deliveries.list(state="parked", notifier=notifier, event_ids=wanted, limit=MOST_RETRIED)
        known = {record.event.id for record in parked}
        missing = [event_id for event_id in wanted or () if event_id not in known]
        if missing:
            raise NotFound("parked event", missing[0], "volsched event list --state parked shows the parked events")
        if not parked:
            return []
        self._deliveries.retry(event_ids=wanted, notifier=notifier)
        while self._resources.delivery.deliver_once():
            continue
        retried = {(record.event.id, record.notifier) for record in parked}
        after = self._deliveries.list(event_ids=sorted(known), limit=MOST_RETRIED)
        return [record for record in after if (record.event.id, record.notifier) in retried]

    @property
    def _deliveries(self) -> Deliveries:
        return Deliveries(self._resources.database)
