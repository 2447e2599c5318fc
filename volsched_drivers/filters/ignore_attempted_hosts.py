"""Pools that an earlier attempt at the same request has tried."""

from __future__ import annotations

import numpy as np

from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class IgnoreAttemptedHostsFilter(ColumnFilter):
    """Passes pools that no earlier attempt tried. Pool by pool: another pool of the same backend passes."""

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        retry = request.retry
        tried = retry.backends if retry is not None else ()
        rows = [row for row in map(candidates.table.row, tried) if row is not None]
        passed = np.isin(candidates.rows, rows, invert=True) if rows else np.ones(len(candidates), np.bool_)
        return Screening(passed, lambda position: f"tried by an earlier attempt, of {len(tried)} so far")
