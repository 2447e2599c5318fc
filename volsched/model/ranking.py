"""Rankings: the order of candidates by weight, computed as far as it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from volsched.model.candidates import Candidates, Mask, Rows
from volsched.model.pool import PoolState

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The order: positions among the candidates, best first, one total weight a position, and each weigher's share.

    `shares` has one array a weighing, in candidate order.
    """

    order: Rows
    weights: Weights  # in the order of `order`
    shares: tuple[Weights, ...]

    def __post_init__(self) -> None:
        if self.order.shape != self.weights.shape:
            raise ValueError(f"a ranking of {self.order.shape} positions and {self.weights.shape} weights")

    def __len__(self) -> int:
        return len(self.order)

    @property
    def best(self) -> int:
        """The first position. There must be one."""
        return int(self.order[0])


class HighestFirst(Ranking):
    """The highest total first, equal totals in candidate order. The best is found at once, the rest is sorted later."""

    __slots__ = ("_order", "totals")

    totals: Weights  # in candidate order
    _order: Rows | None

    def __init__(self, totals: Weights, shares: tuple[Weights, ...]) -> None:
        object.__setattr__(self, "totals", totals)
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "_order", None)

    def __len__(self) -> int:
        return len(self.totals)

    @property
    def best(self) -> int:
        at = int(self.totals.argmax())  # the first of equals; but nan, which sorts last, counts as highest here
        return at if self.totals[at] == self.totals[at] else int(self.order[0])

    @property
    def order(self) -> Rows:  # found when it is asked for
        if self._order is None:
            object.__setattr__(self, "_order", best_first(self.totals))
        return self._order  # type: ignore[return-value]

    @property
    def weights(self) -> Weights:
        return self.totals[self.order]


class Ranked(Candidates):
    """Candidates in the order of a ranking, each with its weight."""

    __slots__ = ("_among", "_ranking", "_rows")

    _among: Candidates
    _ranking: Ranking
    _rows: Rows | None

    def __init__(self, among: Candidates, ranking: Ranking) -> None:
        object.__setattr__(self, "table", among.table)
        object.__setattr__(self, "_among", among)
        object.__setattr__(self, "_ranking", ranking)
        object.__setattr__(self, "_rows", None)

    def __len__(self) -> int:
        return len(self._ranking)

    def __getitem__(self, position: int) -> PoolState:
        return self._among[self._ranking.best] if position == 0 else super().__getitem__(position)

    @property
    def rows(self) -> Rows:  # found when they are asked for
        if self._rows is None:
            object.__setattr__(self, "_rows", self._among.rows[self._ranking.order])
        return self._rows  # type: ignore[return-value]

    @property
    def positions(self) -> Rows:
        """Where each was among the candidates that were ranked."""
        return self._ranking.order

    @property
    def weights(self) -> Weights:
        return self._ranking.weights

    def take(self, selection: Mask | Rows) -> Ranked:
        ranking = self._ranking
        return Ranked(self._among, Ranking(ranking.order[selection], ranking.weights[selection], ranking.shares))


def best_first(totals: Weights) -> Rows:
    """Positions by falling total; equal totals keep their order.

    NumPy's stable sort takes six times as long as its default one, so equal totals are put in order afterwards.
    """
    order = np.argsort(-totals)
    ranked = totals[order]
    differs = ranked[1:] != ranked[:-1]
    if not differs.all():
        runs = np.zeros(len(totals), np.intp)  # one number a run of equal totals, far enough apart to hold positions
        np.cumsum(differs, out=runs[1:])
        runs *= len(totals)
        order += runs
        order.sort()
        order -= runs
    return order
