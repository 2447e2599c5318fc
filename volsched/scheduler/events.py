"""Events of the work that a scheduler does: it begins, it ends, or it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.model.decision import Decision
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.work import WorkItem
from volsched.plugins import SchedulerResources

GROUP = "group"


def starting(resources: SchedulerResources, work: WorkItem) -> tuple[Event, ...]:
    """Return the event that the work was taken; one an attempt."""
    event_type = f"{_topic(work)}.start"
    return (_event(resources, work, event_type, {"attempt": work.lease.attempt}, once=(work.lease.attempt,)),)


def ended(resources: SchedulerResources, work: WorkItem, decision: Decision, payload: Mapping[str, Any]) -> Event:
    """Return the event that the work was answered with a pool."""
    return _event(resources, work, f"{_topic(work)}.end", {**_summary(work, decision), **payload})


def refused(resources: SchedulerResources, work: WorkItem, refusal: BaseException) -> Event:
    """Return the event that the work was refused: the error, the reason and the request."""
    payload = {
        **_summary(work, getattr(refusal, "decision", None)),
        "error": type(refusal).__name__,
        "reason": str(refusal),
        "request_spec": work.payload.get("request_spec"),
    }
    return _event(resources, work, _topic(work), payload, Priority.ERROR)


def _topic(work: WorkItem) -> str:
    return f"scheduler.{'create_group' if work.operation == GROUP else f'{work.operation}_volume'}"


def _summary(work: WorkItem, decision: Decision | None) -> dict[str, Any]:
    return {"took_ms": work.took_ms, "decision": decision.summary() if decision is not None else None}


def _event(
    resources: SchedulerResources,
    work: WorkItem,
    event_type: str,
    payload: Mapping[str, Any],
    priority: Priority = Priority.INFO,
    once: tuple[object, ...] = (),
) -> Event:
    is_group = work.operation == GROUP
    volume_id = None if is_group else work.volume_id
    group = {"group_id": _part(work, GROUP).get("id")} if is_group else {}
    about = _part(work, "volume") or _part(work, GROUP) or _part(work, "context")
    return resources.event(
        derived_id("event", work.id, event_type, *once),
        event_type,
        {"volume_id": volume_id, **group, "driver": resources.driver, **payload},
        priority=priority,
        volume_id=volume_id,
        project_id=about.get("project_id"),
    )


def _part(work: WorkItem, name: str) -> Mapping[str, Any]:
    """Return a part of the payload; empty where it is malformed, for every piece of work has its events."""
    found = work.payload.get(name)
    return found if isinstance(found, Mapping) else {}
