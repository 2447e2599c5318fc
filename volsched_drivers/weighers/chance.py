"""Chance."""

from __future__ import annotations

import numpy as np

from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights


class ChanceWeigher(ColumnWeigher):
    """Weighs at random: each request draws anew, and the same request draws the same."""

    contract = (1, 0)

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        return np.asarray(request.draws.uniform("chance", len(candidates)), np.float64)
