"""The notifier that tells users in volsched's own database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from volsched.model.identity import derived_id
from volsched.model.ports import MessageLog
from volsched.model.work import Message
from volsched.plugins import MESSAGES, Event, WritesMessages

DONE, ELSEWHERE = "VS-DONE", "VS-RESCHEDULED"

Text = Callable[[Mapping[str, Any]], str]


def _size(payload: Mapping[str, Any]) -> str:
    return f"{payload.get('size_gb') or (payload.get('volume') or {}).get('size_gb')} GiB"


#: What a user is told of an event, free of operators' detail. Refusals and failures are told with their very cause.
TOLD: Mapping[str, tuple[str, Text]] = MappingProxyType(
    {
        "volume.create.end": (DONE, lambda payload: f"the volume of {_size(payload)} is ready"),
        "volume.create.reschedule": (
            ELSEWHERE,
            lambda payload: "the volume could not be made where it was to be; another place is looked for",
        ),
        "volume.extend.end": (DONE, lambda payload: f"the volume has {_size(payload)} now"),
        "volume.manage.end": (DONE, lambda payload: f"the volume of {_size(payload)} is under management"),
        "volume.migrate.end": (DONE, lambda payload: "the volume was moved to other storage"),
        "scheduler.retype_volume.end": (DONE, lambda payload: "the volume can have its new type"),
        "volume.snapshot.end": (DONE, lambda payload: f"snapshot {_snapshot(payload)} is ready"),
        "volume.delete_snapshot.end": (DONE, lambda payload: f"snapshot {_snapshot(payload)} is removed"),
        "volume.delete.end": (DONE, lambda payload: "the volume is removed"),
    }
)


def _snapshot(payload: Mapping[str, Any]) -> str:
    return str((payload.get("snapshot") or {}).get("id"))


class DatabaseNotifier(WritesMessages):
    """Writes messages that a volume's owner reads with `volsched volume messages`: what was done, and where it stands.

    Why a request was refused or failed is told by volsched itself, whether or not this notifier is selected; this one
    adds what went well.
    """

    contract = (1, 0)
    capabilities = frozenset({MESSAGES})

    def __init__(self) -> None:
        self._log: MessageLog | None = None

    def messages(self, log: MessageLog) -> None:
        self._log = log

    def notify(self, event: Event) -> None:
        told = TOLD.get(event.event_type)
        if told is None or event.volume_id is None:
            return
        if self._log is None:
            raise RuntimeError("nobody said where messages are written")
        code, text = told
        message = Message(
            volume_id=event.volume_id, project_id=event.project_id or "", code=code, text=text(event.payload)
        )
        self._log.record(message, derived_id("message", event.id))
