"""How good a backend says it is for the request, from 0 to 100."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from volsched.languages.expressions.pools import GOODNESS_STATS, Judgement, judgements, reading
from volsched.languages.expressions.rows import Outcomes
from volsched.languages.expressions.semantics import Dialect, shown
from volsched.model.candidates import CodedColumn
from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights
from volsched_drivers import dialect

if TYPE_CHECKING:
    from oslo_config import cfg

LOG = logging.getLogger(__name__)

GOODNESS_FUNCTION = CodedColumn("goodness_function", lambda pool: pool.goodness_function)
BEST = 100.0


class GoodnessWeigher(ColumnWeigher):
    """Weighs by each pool's `goodness_function`: a number from 0 to 100, true for 100, false for 0.

    A pool without a function, one whose function cannot be understood or evaluated, and one whose result is not such a
    number gets 0. Where the function reads the storage protocol and that has several spellings, the best result counts.
    """

    contract = (1, 0)

    def __init__(self, expression_dialect: str = "strict") -> None:
        self._dialect = Dialect(expression_dialect)

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (dialect.option(),)

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        reads = reading(GOODNESS_FUNCTION, self._dialect, candidates.table)
        fixed = (GoodnessWeigher, self._dialect, reads.asking, reads.changing)
        weights = candidates.judged(fixed, lambda pools: self._weights(request, pools, reads.fixed))
        if reads.asking:
            question = (*fixed, reads.question(request))
            asking = reads.asking.__contains__
            weights = weights + candidates.judged(question, lambda pools: self._weights(request, pools, asking))
        if reads.changing:
            weights = weights + self._weights(request, candidates, reads.changing.__contains__)
        return weights

    def _weights(self, request: RequestSpec, candidates: Candidates, wanted: Callable[[str], bool]) -> Weights:
        """The goodness of each candidate, as far as functions are wanted; 0 for the others."""
        weights = np.zeros(len(candidates))
        for judgement in judgements(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates, wanted):
            best = np.zeros(len(judgement.positions))
            for rows, outcomes in judgement.spellings:
                good = np.where(outcomes.truths, outcomes.numbers * BEST, outcomes.numbers)
                best[rows] = np.maximum(best[rows], np.where(_usable(outcomes), good, 0.0))
            weights[judgement.positions] = best
            for position, problem in islice(_problems(judgement), 1):
                LOG.warning("%s and maybe other pools count 0: %s", candidates[position].pool_id, problem)
        return weights

    def problems(self, request: RequestSpec, candidates: Candidates) -> Iterator[tuple[int, str]]:
        """The candidates whose function gives no goodness, and why: positions and sentences."""
        for judgement in judgements(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates):
            yield from _problems(judgement)


def _usable(outcomes: Outcomes) -> NDArray[np.bool_]:
    """The rows whose result is a goodness."""
    return outcomes.truths | ((outcomes.numbers >= 0) & (outcomes.numbers <= BEST))


def _problems(judgement: Judgement) -> Iterator[tuple[int, str]]:
    """The candidates for which no spelling gives a goodness, and what the first one gives instead."""
    about = f"goodness_function {judgement.text if len(judgement.text) <= 200 else judgement.text[:197] + '...'}"
    if judgement.error is not None:
        for position in judgement.positions.tolist():
            yield position, f"{about}: {judgement.error.problem}"
        return
    wrong = np.ones(len(judgement.positions), np.bool_)
    for rows, outcomes in judgement.spellings:
        wrong[rows] &= ~_usable(outcomes)
    _, first = judgement.spellings[0]
    for row in np.flatnonzero(wrong).tolist():
        error = first.errors.get(row)
        problem = f"{shown(first.value(row))} is no number from 0 to 100" if error is None else error.problem
        yield int(judgement.positions[row]), f"{about}: {problem}"
