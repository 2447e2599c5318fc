"""Notifier backends: where events go."""

from __future__ import annotations

import abc

from volsched.model.event import Event
from volsched.model.ports import MessageLog
from volsched.plugins.options import Plugin

#: The capability of a notifier that writes messages which users read.
MESSAGES = "MESSAGES"


class Notifier(Plugin, abc.ABC):
    """Delivers events. Called from a background worker, never in a request's path; each event at least once.

    What else it can do, it declares in `capabilities`: MESSAGES has the method of `WritesMessages`.
    """

    @abc.abstractmethod
    def notify(self, event: Event) -> None:
        """Deliver one event, or raise: it is tried again later, and parked after a bounded number of tries."""


class WritesMessages(Notifier, abc.ABC):
    """The capability MESSAGES: it writes messages that users read about their volumes."""

    @abc.abstractmethod
    def messages(self, log: MessageLog) -> None:
        """Where to write them; said before `start`. A message's id makes writing it again harmless."""
