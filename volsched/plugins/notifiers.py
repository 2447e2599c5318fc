"""Notifier backends: where events go."""

from __future__ import annotations

import abc

from volsched.domain.events import Event
from volsched.plugins.options import Plugin


class Notifier(Plugin, abc.ABC):
    """Delivers events. Called from a background worker, never in a request's path; each event at least once."""

    @abc.abstractmethod
    def notify(self, event: Event) -> None:
        """Deliver one event, or raise: it is tried again later, and parked after a bounded number of tries."""
