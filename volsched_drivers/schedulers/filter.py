"""The scheduler driver that filters, weighs and ranks."""

from __future__ import annotations

from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import Candidates, Decision, RequestSpec


class FilterScheduler(PlacingScheduler):
    """Chooses what passes the configured filters, best first by the configured weighers and weight handler."""

    contract = (1, 0)

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        return self.resources.chooser.place(request, candidates)
