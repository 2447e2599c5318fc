"""The notifier that writes events into the process's log."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from volsched.plugins import Event, Notifier, Priority

if TYPE_CHECKING:
    from oslo_config import cfg

LEVELS = {Priority.INFO: logging.INFO, Priority.WARN: logging.WARNING, Priority.ERROR: logging.ERROR}


class LogNotifier(Notifier):
    """Writes one log line per event: its type, then the event as JSON, at the level of its priority."""

    contract = (1, 0)

    def __init__(self, *, logger: str = "volsched.notification") -> None:
        self.logger = logger

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "logger",
                default="volsched.notification",
                help="Name of the logger that events are written to, for a logging configuration of its own.",
            ),
        )

    def validate(self) -> list[str]:
        return (
            []
            if self.logger.strip()
            else ["logger: expected the name of a logger, for example volsched.notification, got an empty one"]
        )

    def notify(self, event: Event) -> None:
        logging.getLogger(self.logger).log(
            LEVELS[event.priority], "%s %s", event.event_type, json.dumps(event.plain(), sort_keys=True, default=str)
        )
