"""The interfaces of filters, which select the pools that can serve a request."""

from __future__ import annotations

import abc
from typing import ClassVar, Protocol, final

import numpy as np

from volsched.model.candidates import Candidates
from volsched.model.decision import Screening
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.plugins.options import Plugin

#: Facts that a plugin may need and that are fetched before filtering; see `volsched.model.request.Facts`.
VOLUME_BACKENDS = "volume_backends"
INSTANCE_HOST = "instance_host"
VOLUME_COUNTS = "volume_counts"


class Filter(Protocol):
    """The interface between the pipeline and a filter."""

    needs: ClassVar[frozenset[str]]

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        """Return which candidates pass. Pure: no I/O, no state between requests, inputs unchanged."""
        ...


class ColumnFilter(Plugin, abc.ABC):
    """A filter that works on whole columns."""

    needs: ClassVar[frozenset[str]] = frozenset()
    #: Whether each candidate is judged independently of the others, at low cost. Consecutive filters of this kind all
    #: screen the same candidates, and their masks are combined.
    elementwise: ClassVar[bool] = False

    @abc.abstractmethod
    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        """Return which candidates pass, as a bool array with one entry a candidate, and the reason why one does not."""


class PoolFilter(Plugin, abc.ABC):
    """A filter that judges one pool at a time: the base that most authors need. It gets survivors only."""

    needs: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        """Return why this pool is rejected, with the numbers that decided; None where it passes."""

    @final
    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        reasons = [self.rejects(request, pool) for pool in candidates]
        passed = np.fromiter((reason is None for reason in reasons), np.bool_, len(reasons))
        return Screening(passed, lambda position: reasons[position] or "")
