"""The filter json: the JSON query of a scheduler hint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from volsched.languages.attributes import Reference
from volsched.languages.json_query import IncomparableValues, Query, query_from
from volsched.model.candidates import CodedColumn
from volsched.model.columns import CAPABILITIES, CAPABILITY_KEYS, capability
from volsched.model.parsing import hints
from volsched.model.pool import PoolState
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening

Codes = NDArray[np.intp]


class JsonFilter(ColumnFilter):
    """Passes pools for which the JSON query in the hint `query` is true.

    Pools that are equal in all that the query reads are judged once.
    """

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        query = query_from(request.hints.get(hints.QUERY))
        if query is None or not len(candidates):
            return Screening(np.ones(len(candidates), np.bool_), lambda position: "")
        codes = _classes(query, candidates)
        first = np.full(int(codes.max()) + 1, -1, np.intp)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # the first candidate of each code: later writes win
        verdicts = np.array([at >= 0 and _accepts(query, candidates[at]) for at in first.tolist()], np.bool_)
        return Screening(verdicts[codes], lambda position: _objection(query, candidates[position]))


def _accepts(query: Query, pool: PoolState) -> bool:
    try:
        return query.accepts(pool)
    except IncomparableValues:
        return False


def _objection(query: Query, pool: PoolState) -> str:
    try:
        query.accepts(pool)
    except IncomparableValues as problem:
        return str(problem)
    read = ", ".join(f"{reference.text} is {reference.read(pool)!r:.60}" for reference in query.references)
    return f"the query is false: {read}" if read else "the query is always false"


def _classes(query: Query, candidates: Candidates) -> Codes:
    """Return one code a candidate; the query has the same result for candidates with equal codes."""
    codes: Codes = np.zeros(len(candidates), np.intp)
    count = 1
    for reference in query.references:
        others, size = _classes_of(reference, query, candidates)
        codes, count = codes * size + others, count * size
        if count > 4 * len(candidates):
            _, codes = np.unique(codes, return_inverse=True)
            count = int(codes.max()) + 1
    return codes


def _classes_of(reference: Reference, query: Query, candidates: Candidates) -> tuple[Codes | int, int]:
    """Return codes by what one reference reads, and the number of possible codes."""
    if reference.attribute is None:
        return 0, 1
    key = reference.attribute.column
    if key is CAPABILITIES and reference.steps:
        # A key from a request gets a column only if a pool reports it: columns stay as long as the table.
        if not any(reference.steps[0] in keys for keys in candidates.table.coded(CAPABILITY_KEYS).values):
            return 0, 1
        key = capability(reference.steps[0])
    if isinstance(key, CodedColumn):
        coded = candidates.coded(key)
        return coded.codes, len(coded.values)
    figures = candidates.column(key)
    if reference in query.compared_together:
        return np.arange(len(figures)), len(figures)
    numbers = np.array(query.numbers)
    ranges = np.searchsorted(numbers, figures, "left") + np.searchsorted(numbers, figures, "right")
    shown_as_text = np.where(np.isnan(figures), 1, 2)
    most = 2 * len(numbers)
    return np.where(np.isfinite(figures), ranges, most + shown_as_text), most + 3
