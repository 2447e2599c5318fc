"""The scheduler driver that leaves it to chance."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from volsched.placement.scheduler import PlacingScheduler
from volsched.plugins import Candidates, Decision, RequestSpec


class ChanceScheduler(PlacingScheduler):
    """Chooses what passes the configured filters, in random order. The same request draws the same order."""

    contract = (1, 0)

    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        screened = self.resources.chooser.screen(request, candidates)
        order = np.argsort(request.draws.uniform("chance_scheduler", len(screened.ranked)), kind="stable")
        return replace(screened, ranked=screened.ranked.take(order))
