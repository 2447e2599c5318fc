"""What the scheduler tells of the work that it does: that it begins, how it ended, or why the answer is no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.exceptions import VolschedError
from volsched.model.decision import Decision
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.work import WorkItem
from volsched.plugins import SchedulerResources

GROUP = "group"


def starting(resources: SchedulerResources, work: WorkItem) -> tuple[Event, ...]:
    """The work is taken; told once an attempt."""
    event_type = f"{_topic(work)}.start"
    return (_event(resources, work, event_type, {"attempt": work.lease.attempt}, once=(work.lease.attempt,)),)


def ended(resources: SchedulerResources, work: WorkItem, decision: Decision, payload: Mapping[str, Any]) -> Event:
    """The answer is yes."""
    return _event(resources, work, f"{_topic(work)}.end", {**_figures(work, decision), **payload})


def refused(resources: SchedulerResources, work: WorkItem, refusal: VolschedError) -> Event:
    """The answer is no: what errored, the reason and the request."""
    payload = {
        **_figures(work, getattr(refusal, "decision", None)),
        "error": type(refusal).__name__,
        "reason": str(refusal),
        "request_spec": work.payload.get("request_spec"),
    }
    return _event(resources, work, _topic(work), payload, Priority.ERROR)


def _topic(work: WorkItem) -> str:
    return f"scheduler.{'create_group' if work.operation == GROUP else f'{work.operation}_volume'}"


def _figures(work: WorkItem, decision: Decision | None) -> dict[str, Any]:
    return {"took_ms": work.took_ms, "decision": decision.summary() if decision is not None else None}


def _event(
    resources: SchedulerResources,
    work: WorkItem,
    event_type: str,
    payload: Mapping[str, Any],
    priority: Priority = Priority.INFO,
    once: tuple[object, ...] = (),
) -> Event:
    about = work.payload.get("volume") or work.payload.get(GROUP) or work.payload.get("context") or {}
    group = {"group_id": work.payload[GROUP]["id"]} if work.operation == GROUP else {}
    return Event(
        id=derived_id("event", work.id, event_type, *once),
        event_type=event_type,
        priority=priority,
        occurred_at=resources.clock().isoformat(),
        publisher=resources.publisher,
        volume_id=None if group else work.volume_id,
        project_id=about.get("project_id"),
        payload={"volume_id": None if group else work.volume_id, **group, "driver": resources.driver, **payload},
    )
