"""The filter driver: evaluation of the filter functions that backends report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.exceptions import ExpressionError
from volsched.languages.expressions.expression import compile_expression
from volsched.languages.expressions.pools import (
    FILTER_STATS,
    describe_values,
    function_inputs,
    function_results,
    pool_namespaces,
    request_namespaces,
    spellings,
)
from volsched.languages.expressions.semantics import Dialect, shown
from volsched.model.candidates import CodedColumn, Mask
from volsched.plugins import Candidates, ColumnFilter, PoolState, RequestSpec, Screening
from volsched_drivers import dialect

if TYPE_CHECKING:
    from oslo_config import cfg

FILTER_FUNCTION = CodedColumn("filter_function", lambda pool: pool.filter_function)


class DriverFilter(ColumnFilter):
    """Passes a pool whose `filter_function` is true for the request, and a pool that has none.

    A function that cannot be parsed or evaluated rejects its pools. Where the function inputs the storage protocol and
    the protocol has several spellings, one true result is enough.
    """

    contract = (1, 0)

    def __init__(self, expression_dialect: str = "strict") -> None:
        self._dialect = Dialect(expression_dialect)

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (dialect.option(),)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        inputs = function_inputs(FILTER_FUNCTION, self._dialect, candidates.table)
        fixed = (DriverFilter, self._dialect, inputs.request_dependent, inputs.figure_dependent)
        passed = candidates.judged(fixed, lambda pools: self._passed(request, pools, inputs.is_fixed))
        if inputs.request_dependent:
            question = (*fixed, inputs.request_key(request))
            asking = inputs.request_dependent.__contains__
            passed = passed & candidates.judged(question, lambda pools: self._passed(request, pools, asking))
        if inputs.figure_dependent:
            passed = passed & self._passed(request, candidates, inputs.figure_dependent.__contains__)
        return Screening(passed, lambda position: self._why(request, candidates[position]))

    def _passed(self, request: RequestSpec, candidates: Candidates, wanted: Callable[[str], bool]) -> Mask:
        """Return which candidates pass the functions that `wanted` selects."""
        passed = np.ones(len(candidates), np.bool_)
        for result in function_results(FILTER_FUNCTION, self._dialect, FILTER_STATS, request, candidates, wanted):
            holds = np.zeros(len(result.positions), np.bool_)
            if result.expression is not None:
                for rows, outcomes in result.spellings:
                    holds[rows] |= result.expression.true_rows(outcomes)
            passed[result.positions] = holds
        return passed

    def _why(self, request: RequestSpec, pool: PoolState) -> str:
        """Return the function, its result, and the values that it read."""
        text = pool.filter_function or ""
        about = f"filter_function {text if len(text) <= 200 else text[:197] + '...'}"
        try:
            expression = compile_expression(text, self._dialect)
        except ExpressionError as error:
            where = "" if error.position is None else f" at character {error.position + 1}"
            return f"{about}: {error.problem}{where}"
        results = []
        for spelling in range(spellings(expression, pool)):
            try:
                value = expression.evaluate(
                    {**request_namespaces(request), **pool_namespaces(pool, FILTER_STATS, spelling)}
                )
                expression.is_true(value)
            except ExpressionError as error:
                results.append(error.problem)
            else:
                results.append(f"is {shown(value)}")
        found = ", ".join(dict.fromkeys(results))
        return f"{about}: {found}{describe_values(expression, request, pool, FILTER_STATS)}"
