"""The weigher goodness: evaluation of the goodness functions that backends report."""

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

    A pool gets 0 without a function, where its function cannot be parsed or evaluated, and where the result is not such
    a number. Where the function reads the storage protocol and that has several spellings, the best result counts.
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
        """Return the goodness of each candidate by the functions that `wanted` selects; 0 for the others."""
        weights = np.zeros(len(candidates))
        for judgement in judgements(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates, wanted):
            best = np.zeros(len(judgement.positions))
            for rows, outcomes in judgement.spellings:
                good = np.where(outcomes.truths, outcomes.numbers * BEST, outcomes.numbers)
                best[rows] = np.maximum(best[rows], np.where(_usable(outcomes), good, 0.0))
            weights[judgement.positions] = best
            for position, problem in islice(_problems(judgement), 1):
                LOG.warning("goodness 0 for %s and possibly other pools: %s", candidates[position].pool_id, problem)
        return weights

    def problems(self, request: RequestSpec, candidates: Candidates) -> Iterator[tuple[int, str]]:
        """Yield the position of each candidate whose function gives no goodness, and the reason."""
        for judgement in judgements(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates):
            yield from _problems(judgement)


def _usable(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Return the rows whose result is a goodness."""
    return outcomes.truths | ((outcomes.numbers >= 0) & (outcomes.numbers <= BEST))


def _problems(judgement: Judgement) -> Iterator[tuple[int, str]]:
    """Yield the candidates for which no spelling gives a goodness, with the result of the first spelling."""
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
        problem = f"expected a number from 0 to 100, got {shown(first.value(row))}" if error is None else error.problem
        yield int(judgement.positions[row]), f"{about}: {problem}"
