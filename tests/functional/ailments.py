"""Faults of a process or its environment, injected before it starts (`prepared` of a fleet)."""

from __future__ import annotations

import resource
import sys
import threading
from datetime import datetime, timedelta, tzinfo
from pkgutil import resolve_name
from typing import Any

OURS = ("volsched.", "volsched_drivers.")
TYPES = "volsched.model."


def wrong_clock(seconds: float) -> None:
    """The clock of this process is ahead by so much."""
    wrong = _clock_ahead(timedelta(seconds=seconds))
    for name, module in list(sys.modules.items()):
        if name.startswith(TYPES):
            continue  # msgspec validates values by the classes that their annotations name there
        if name.startswith(OURS) and vars(module).get("datetime") is datetime:
            vars(module)["datetime"] = wrong


class _AsDatetime(type(datetime)):  # type: ignore[misc]
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, datetime)


def _clock_ahead(ahead: timedelta) -> type[datetime]:
    class Wrong(datetime, metaclass=_AsDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

        @classmethod
        def fromisoformat(cls, text: str) -> datetime:  # type: ignore[override]
            return datetime.fromisoformat(text)

    return Wrong


def full_disk(most_bytes: int) -> None:
    """No file becomes larger than this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def hanging(function: str) -> None:
    """This function, by its dotted name, never returns."""
    holder, name = resolve_name(function.rpartition(".")[0]), function.rpartition(".")[2]

    def hang(*arguments: Any, **named: Any) -> None:
        threading.Event().wait()

    setattr(holder, name, hang)
