"""Weighers: which of the pools that will do is best. Handlers: how weights become an order."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, final

import numpy as np

from volsched.model.candidates import Candidates
from volsched.model.pool import PoolState
from volsched.model.ranking import Ranking, Weights
from volsched.model.request import RequestSpec
from volsched.plugins.options import Plugin

__all__ = ["ColumnWeigher", "PoolWeigher", "Ranking", "Weigher", "Weighing", "WeightHandler", "Weights"]


class Weigher(Protocol):
    """All that the engine knows of a weigher."""

    needs: ClassVar[frozenset[str]]

    @property
    def multiplier(self) -> float:
        """How much it counts beside the others; negative turns its order round."""
        ...

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        """One finite float64 a candidate, higher is better; the engine normalises and multiplies. Pure."""
        ...


class ColumnWeigher(Plugin, abc.ABC):
    """A weigher that looks at whole columns at once."""

    needs: ClassVar[frozenset[str]] = frozenset()
    multiplier: float = 1.0

    @abc.abstractmethod
    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        """One finite float64 a candidate, higher is better."""


class PoolWeigher(Plugin, abc.ABC):
    """A weigher that looks at one pool at a time: where most authors start."""

    needs: ClassVar[frozenset[str]] = frozenset()
    multiplier: float = 1.0

    @abc.abstractmethod
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        """A finite number, higher is better."""

    @final
    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        return np.fromiter((self.weight_of(request, pool) for pool in candidates), np.float64, len(candidates))


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """What one weigher said, as a handler gets it."""

    name: str
    raw: Weights
    multiplier: float


class WeightHandler(Plugin, abc.ABC):
    """Turns what the weighers said into an order."""

    @abc.abstractmethod
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        """Every candidate once, best first. Equal totals keep candidate order. Pure."""
