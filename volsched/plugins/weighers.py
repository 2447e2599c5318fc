"""The interfaces of weighers, which rate the pools that passed, and of weight handlers, which order them."""

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
    """The interface between the pipeline and a weigher."""

    needs: ClassVar[frozenset[str]]

    @property
    def multiplier(self) -> float:
        """Its weight relative to other weighers; a negative multiplier reverses its order."""
        ...

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        """Return one finite float64 a candidate, higher is better; the pipeline normalizes and multiplies. Pure."""
        ...


class ColumnWeigher(Plugin, abc.ABC):
    """A weigher that works on whole columns."""

    needs: ClassVar[frozenset[str]] = frozenset()
    multiplier: float = 1.0

    @abc.abstractmethod
    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        """Return one finite float64 a candidate, higher is better."""


class PoolWeigher(Plugin, abc.ABC):
    """A weigher that rates one pool at a time: the base that most authors need."""

    needs: ClassVar[frozenset[str]] = frozenset()
    multiplier: float = 1.0

    @abc.abstractmethod
    def weight_of(self, request: RequestSpec, pool: PoolState) -> float:
        """Return a finite number, higher is better."""

    @final
    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        return np.fromiter((self.weight_of(request, pool) for pool in candidates), np.float64, len(candidates))


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """The weights of one weigher, as input of a weight handler."""

    name: str
    raw: Weights
    multiplier: float


class WeightHandler(Plugin, abc.ABC):
    """A plugin that turns the weights of all weighers into an order."""

    @abc.abstractmethod
    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        """Return every candidate once, best first. Equal totals keep candidate order. Pure."""
