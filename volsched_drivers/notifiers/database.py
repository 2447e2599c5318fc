"""The notifier that writes messages for users into volsched's database."""

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


#: Messages by event type, without operators' detail. volsched itself writes those about refusals and failures.
MESSAGE_TEXTS: Mapping[str, tuple[str, Text]] = MappingProxyType(
    {
        "volume.create.end": (DONE, lambda payload: f"the volume of {_size(payload)} is ready"),
        "volume.create.reschedule": (
            ELSEWHERE,
            lambda payload: "the volume could not be created in the chosen pool; another pool is tried",
        ),
        "volume.extend.end": (DONE, lambda payload: f"the volume has been extended to {_size(payload)}"),
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
    """Writes messages about successful operations, which a volume's owner reads with `volsched volume messages`.

    Messages about refusals and failures are written by volsched itself, whether or not this notifier is selected.
    """

    contract = (1, 0)
    capabilities = frozenset({MESSAGES})

    def __init__(self) -> None:
        self._log: MessageLog | None = None

    def messages(self, log: MessageLog) -> None:
        self._log = log

    def notify(self, event: Event) -> None:
        message = MESSAGE_TEXTS.get(event.event_type)
        if message is None or event.volume_id is None:
            return
        if self._log is None:
            raise RuntimeError("messages() was not called before notify()")
        code, text = message
        written = Message(
            volume_id=event.volume_id, project_id=event.project_id or "", code=code, text=text(event.payload)
        )
        self._log.record(written, derived_id("message", event.id))
