"""Check of the outbox: no event was given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from volsched.loader import Problem
from volsched.ops.doctor.context import DoctorContext, warning


def parked(scene: DoctorContext) -> Iterator[Problem]:
    """Events that a notifier did not take, however often it was asked."""
    if not scene.stored:
        return
    given_up = scene.application.outbox.parked()
    first = {notifier: (event, why) for notifier, event, why in reversed(given_up)}
    for notifier, count in sorted(Counter(notifier for notifier, _, _ in given_up).items()):
        event, why = first[notifier]
        what = f"{count} {'event is' if count == 1 else 'events are'} parked, the first: {event.event_type}: {why}"
        yield warning("VS212", f"notifier {notifier}", what, "fix what it names, then: volsched event retry --all")
