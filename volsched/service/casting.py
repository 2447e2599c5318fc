"""Requests on their way to the scheduler: a row in the database first, then a wake-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.domain.identity import derived_id
from volsched.domain.ports import VolumeCaster, WorkStore
from volsched.domain.work import SCHEDULER_QUEUE, WorkRequest
from volsched.flows.context import plain_context


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

    def __init__(self, work: WorkStore, caster: VolumeCaster) -> None:
        self._work = work
        self._caster = caster

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        """Queue the request and wake a scheduler."""
        payload = {"request_spec": dict(request_spec), "filter_properties": {}, "backend": volume["host"]}
        self._work.add(scheduler_work("manage", volume["id"], context, payload))
        self._caster.wake(SCHEDULER_QUEUE)
