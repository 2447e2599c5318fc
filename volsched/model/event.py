"""Events for notifiers, with a versioned schema."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from volsched.model.serialization import NOTHING, Serializable

#: major.minor: a minor adds, a major changes or removes. What each event carries: doc/reference/events.rst.
SCHEMA_VERSION = "1.1"


class Priority(StrEnum):
    """The importance of an event."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Event(Serializable, frozen=True, kw_only=True):
    """One event. Delivery is at least once and in order per volume; `id` identifies duplicates."""

    id: str
    event_type: str  # e.g. scheduler.create_volume, scheduler.create_volume.start, volume.create.end
    priority: Priority
    occurred_at: str  # ISO 8601, UTC
    publisher: str  # the process's host name and role
    volume_id: str | None = None
    project_id: str | None = None
    payload: Mapping[str, Any] = NOTHING
    schema_version: str = SCHEMA_VERSION


class DueEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event to deliver to one notifier, with the number of failed tries."""

    event: Event
    tries: int = 0


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """The events that a notifier receives, and the processes that deliver them."""

    event_types: tuple[str, ...] = ("*",)  # patterns as in a shell
    priorities: frozenset[Priority] = frozenset(Priority)
    processes: frozenset[str] = frozenset()  # empty: all

    def in_event(self, event: Event) -> bool:
        """Return whether the notifier receives this event."""
        return event.priority in self.priorities and any(
            fnmatchcase(event.event_type, pattern) for pattern in self.event_types
        )

    def in_process(self, process: str) -> bool:
        """Return whether a process of this kind (scheduler, agent, command) delivers to it."""
        return not self.processes or process in self.processes


EVERYTHING = Interest()
