"""The filter capacity."""

from __future__ import annotations

import numpy as np

from volsched.model.capacity import limit
from volsched.model.columns import (
    FINITE_ROOM_THICK_GB,
    FINITE_ROOM_THIN_GB,
    TAKES_ALL_THICK,
    TAKES_ALL_THIN,
    TAKES_SOME_THICK,
    TAKES_SOME_THIN,
)
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class CapacityFilter(ColumnFilter):
    """Passes pools with enough room: over-subscribed capacity of thin pools, free capacity of the others."""

    contract = (1, 0)
    elementwise = True

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        thin, wanted_gb = request.thin, request.wanted_gb
        room_gb = candidates.column(FINITE_ROOM_THIN_GB if thin else FINITE_ROOM_THICK_GB)
        takes_some = candidates.column(TAKES_SOME_THIN if thin else TAKES_SOME_THICK)
        takes_all = candidates.column(TAKES_ALL_THIN if thin else TAKES_ALL_THICK)
        passed = (room_gb >= wanted_gb) & takes_some | takes_all if wanted_gb else np.ones(len(candidates), np.bool_)
        if request.exists_on is not None:
            home = candidates.table.row(request.exists_on)
            if home is not None:  # the volume takes room there already
                passed |= candidates.rows == home
        return Screening(
            passed,
            lambda position: limit(candidates[position], thin=thin, wanted_gb=float(wanted_gb)),
            shortfall=lambda: np.where(takes_some, wanted_gb - room_gb, np.inf),
        )
