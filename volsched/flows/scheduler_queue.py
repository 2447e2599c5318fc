"""Requests on their way to the scheduler: a row in the database first, then a wake-up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import LeaseLost
from volsched.model.context import plain_context
from volsched.model.identity import derived_id
from volsched.model.ports import VolumeCaster, WorkStore
from volsched.model.work import SCHEDULER_QUEUE, Lease, Outcome, WorkRequest, WorkState

LOG = logging.getLogger(__name__)


def scheduler_work(
    operation: str, volume_id: str, context: Any, payload: Mapping[str, Any], *, mark: object = ""
) -> WorkRequest:
    """A request for the scheduler. `mark` tells repeated requests of one kind for one volume apart."""
    return WorkRequest(
        id=derived_id("work", volume_id, f"schedule-{operation}", mark),
        queue=SCHEDULER_QUEUE,
        operation=operation,
        volume_id=volume_id,
        payload={"context": plain_context(context), **payload},
    )


class QueuedScheduler:
    """The scheduler as the manage_existing flow sees it: what it is asked survives any crash."""

    def __init__(self, work: WorkStore, caster: VolumeCaster, *, owner: str, held_seconds: float) -> None:
        """`held_seconds`: so long nobody takes up what is kept before it is cast, unless this process is dead."""
        self._work = work
        self._caster = caster
        self._owner = owner
        self._held_seconds = held_seconds

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        """Queue the request, or let go of it where it is kept already, and wake a scheduler."""
        kept = self.kept(context, volume, request_spec)
        self._work.add(replace(kept, held_by=None))
        lease = Lease(work_id=kept.id, owner=self._owner, attempt=1, until=datetime.min)
        try:
            self._work.finish(lease, Outcome(state=WorkState.QUEUED))
        except LeaseLost:
            LOG.debug("work %s is in its queue already, or was taken from there", kept.id)
        self._caster.wake(SCHEDULER_QUEUE)

    def kept(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> WorkRequest:
        """The same request, to be written down with the volume's row: it waits until it is cast, or we are dead."""
        payload = {"request_spec": dict(request_spec), "filter_properties": {}, "backend": volume["host"]}
        asked = scheduler_work("manage", volume["id"], context, payload)
        return replace(asked, held_by=self._owner, held_seconds=self._held_seconds)
