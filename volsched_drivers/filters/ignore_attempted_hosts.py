"""The filter ignore_attempted_hosts."""

from __future__ import annotations

import numpy as np

from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class IgnoreAttemptedHostsFilter(ColumnFilter):
    """Passes pools that no earlier attempt at the request tried. Other pools of the same backend pass."""

    contract = (1, 0)

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        retry = request.retry
        tried = retry.backends if retry is not None else ()
        rows = [row for row in map(candidates.table.row, tried) if row is not None]
        passed = np.isin(candidates.rows, rows, invert=True) if rows else np.ones(len(candidates), np.bool_)
        return Screening(passed, lambda position: f"tried by one of {len(tried)} earlier attempts")
