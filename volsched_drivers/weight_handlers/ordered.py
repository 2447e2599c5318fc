"""The weight handler ordered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from volsched.model.ranking import HighestFirst
from volsched.plugins import Candidates, Ranking, RequestSpec, Weighing, WeightHandler
from volsched.plugins.weighers import Weights


class OrderedWeightHandler(WeightHandler):
    """Normalizes each weigher's weights to 0..1, multiplies, adds them up, and puts the highest total first."""

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        shares = tuple([_share(weighing) for weighing in weighings])
        totals = sum(shares[1:], 0.0 + shares[0]) if shares else np.zeros(len(candidates))
        return HighestFirst(totals, shares)


def _share(weighing: Weighing) -> Weights:
    """Return what a weigher adds to the totals."""
    scaled = _normalized(weighing.raw)
    return scaled if weighing.multiplier == 1.0 else scaled * weighing.multiplier


def _normalized(raw: Weights) -> Weights:
    """Return weights from 0 for the lowest to 1 for the highest; all 0 where they are equal."""
    if not len(raw):
        return raw
    low, high = float(raw[raw.argmin()]), float(raw[raw.argmax()])  # four times as fast as min() and max()
    if low == high:
        return np.zeros(len(raw))
    if math.isinf(high - low):  # finite, but the difference overflows
        return _normalized(raw / 4)
    return (raw - low) / (high - low)
