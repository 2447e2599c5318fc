"""The weigher goodness: evaluation of the goodness functions that backends report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from volsched.languages.expressions.pools import GOODNESS_STATS, FunctionResult, function_inputs, function_results
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
    a number. Where the function inputs the storage protocol and that has several spellings, the best result counts.
    """

    contract = (1, 0)

    def __init__(self, expression_dialect: str = "strict") -> None:
        self._dialect = Dialect(expression_dialect)

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (dialect.option(),)

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        inputs = function_inputs(GOODNESS_FUNCTION, self._dialect, candidates.table)
        fixed = (GoodnessWeigher, self._dialect, inputs.request_dependent, inputs.figure_dependent)
        weights = candidates.judged(fixed, lambda pools: self._weights(request, pools, inputs.is_fixed))
        if inputs.request_dependent:
            question = (*fixed, inputs.request_key(request))
            asking = inputs.request_dependent.__contains__
            weights = weights + candidates.judged(question, lambda pools: self._weights(request, pools, asking))
        if inputs.figure_dependent:
            weights = weights + self._weights(request, candidates, inputs.figure_dependent.__contains__)
        return weights

    def _weights(self, request: RequestSpec, candidates: Candidates, wanted: Callable[[str], bool]) -> Weights:
        """Return the goodness of each candidate by the functions that `wanted` selects; 0 for the others."""
        weights = np.zeros(len(candidates))
        for result in function_results(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates, wanted):
            best = np.zeros(len(result.positions))
            for rows, outcomes in result.spellings:
                good = np.where(outcomes.truths, outcomes.numbers * BEST, outcomes.numbers)
                best[rows] = np.maximum(best[rows], np.where(_usable(outcomes), good, 0.0))
            weights[result.positions] = best
            for position, problem in islice(_problems(result), 1):
                LOG.warning("goodness 0 for %s and possibly other pools: %s", candidates[position].pool_id, problem)
        return weights

    def problems(self, request: RequestSpec, candidates: Candidates) -> Iterator[tuple[int, str]]:
        """Yield the position of each candidate whose function gives no goodness, and the reason."""
        for result in function_results(GOODNESS_FUNCTION, self._dialect, GOODNESS_STATS, request, candidates):
            yield from _problems(result)


def _usable(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Return the rows whose result is a goodness."""
    return outcomes.truths | ((outcomes.numbers >= 0) & (outcomes.numbers <= BEST))


def _problems(result: FunctionResult) -> Iterator[tuple[int, str]]:
    """Yield the candidates for which no spelling gives a goodness, with the result of the first spelling."""
    about = f"goodness_function {result.text if len(result.text) <= 200 else result.text[:197] + '...'}"
    if result.error is not None:
        for position in result.positions.tolist():
            yield position, f"{about}: {result.error.problem}"
        return
    wrong = np.ones(len(result.positions), np.bool_)
    for rows, outcomes in result.spellings:
        wrong[rows] &= ~_usable(outcomes)
    _, first = result.spellings[0]
    for row in np.flatnonzero(wrong).tolist():
        error = first.errors.get(row)
        problem = f"expected a number from 0 to 100, got {shown(first.value(row))}" if error is None else error.problem
        yield int(result.positions[row]), f"{about}: {problem}"
