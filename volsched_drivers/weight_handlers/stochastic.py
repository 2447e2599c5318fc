"""The weight handler stochastic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from volsched.plugins import Candidates, Ranking, RequestSpec, Weighing, WeightHandler


class StochasticWeightHandler(WeightHandler):
    """Draws the first pool at random, with probabilities in proportion to the totals; the others keep their order.

    Weights are not normalized. Where the totals are negative, the first candidate wins.
    """

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        count = len(candidates)
        shares = tuple(weighing.raw * weighing.multiplier for weighing in weighings)
        totals = np.zeros(count)
        for share in shares:
            totals += share
        winner = 0
        if count:
            running = np.cumsum(totals)
            drawn = request.draws.uniform("stochastic", 1)[0] * running[-1]
            winner = int(np.argmax(running > drawn))  # 0 where no sum exceeds it
        order = np.roll(np.arange(count), -winner)
        return Ranking(order, totals[order], shares)
