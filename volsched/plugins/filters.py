"""Filters: which pools will do for a request, and why the others will not."""

from __future__ import annotations

import abc
from typing import ClassVar, Protocol, final

import numpy as np

from volsched.model.candidates import Candidates
from volsched.model.decision import Screening
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.plugins.options import Plugin

#: What a plugin may ask to be fetched before filtering; see `volsched.model.request.Facts`.
VOLUME_BACKENDS = "volume_backends"
INSTANCE_HOST = "instance_host"
VOLUME_COUNTS = "volume_counts"


class Filter(Protocol):
    """All that the engine knows of a filter."""

    needs: ClassVar[frozenset[str]]

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        """Which candidates pass. Pure: no I/O, no memory of earlier requests, inputs unchanged."""
        ...


class ColumnFilter(Plugin, abc.ABC):
    """A filter that looks at whole columns at once."""

    needs: ClassVar[frozenset[str]] = frozenset()
    #: Whether each candidate is judged by itself, whatever the others are, and at hardly any cost. Such filters in a
    #: row are all asked about the same candidates, and their verdicts combined.
    elementwise: ClassVar[bool] = False

    @abc.abstractmethod
    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        """Which candidates pass, as a bool array with one entry a candidate, and why one does not."""


class PoolFilter(Plugin, abc.ABC):
    """A filter that judges one pool at a time: where most authors start. It sees survivors only."""

    needs: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def rejects(self, request: RequestSpec, pool: PoolState) -> str | None:
        """Why this pool will not do, in the numbers that decided; None where it will."""

    @final
    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        reasons = [self.rejects(request, pool) for pool in candidates]
        passed = np.fromiter((reason is None for reason in reasons), np.bool_, len(reasons))
        return Screening(passed, lambda position: reasons[position] or "")
