"""The weigher chance."""

from __future__ import annotations

import numpy as np

from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights


class ChanceWeigher(ColumnWeigher):
    """Weighs at random. The same request gets the same weights again."""

    contract = (1, 0)

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        return np.asarray(request.draws.uniform("chance", len(candidates)), np.float64)
