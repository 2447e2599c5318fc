"""The notifier that does nothing."""

from __future__ import annotations

from volsched.plugins import Event, Notifier


class NoopNotifier(Notifier):
    """Accepts and discards every event, for installations that want no notifications."""

    contract = (1, 0)

    def notify(self, event: Event) -> None:
        """Do nothing."""
