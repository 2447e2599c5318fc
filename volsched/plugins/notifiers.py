"""Notifiers: where events are delivered to."""

from __future__ import annotations

import abc

from volsched.model.event import Event
from volsched.model.ports import MessageLog
from volsched.plugins.options import Plugin

#: The capability of a notifier that writes messages for users.
MESSAGES = "MESSAGES"


class Notifier(Plugin, abc.ABC):
    """Delivers events. Called from a background worker, never in a request's path; each event at least once.

    Further abilities are declared in `capabilities`: MESSAGES stands for the method of `WritesMessages`.
    """

    @abc.abstractmethod
    def notify(self, event: Event) -> None:
        """Deliver one event, or raise: delivery is tried again later, and given up after a limited number of tries."""


class WritesMessages(Notifier, abc.ABC):
    """A notifier with the capability MESSAGES: writes messages that users read about their volumes."""

    @abc.abstractmethod
    def messages(self, log: MessageLog) -> None:
        """Set the log to write to; called before `start`. Writing a message with the same id again is harmless."""
