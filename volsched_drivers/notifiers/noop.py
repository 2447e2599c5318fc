"""The notifier that does nothing."""

from __future__ import annotations

from volsched.plugins import Event, Notifier


class NoopNotifier(Notifier):
    """Takes every event and does nothing with it: for those who want no notifications, and say so."""

    contract = (1, 0)

    def notify(self, event: Event) -> None:
        """Nothing."""
