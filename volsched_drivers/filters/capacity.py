"""Room for the volume."""

from __future__ import annotations

import numpy as np

from volsched.domain.capacity import limit
from volsched.domain.columns import LARGEST_THICK_GB, LARGEST_THIN_GB
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class CapacityFilter(ColumnFilter):
    """Passes pools that have the room: over-subscribed capacity of thin pools, free capacity of the others."""

    contract = (1, 0)
    elementwise = True

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        wanted_gb = request.wanted_gb
        largest_gb = candidates.column(LARGEST_THIN_GB if request.thin else LARGEST_THICK_GB)
        passed = np.ones(len(candidates), np.bool_) if wanted_gb == 0 else largest_gb >= wanted_gb
        if request.exists_on is not None:
            home = candidates.snapshot.row(request.exists_on)
            if home is not None:  # the volume takes room there already
                passed |= candidates.rows == home
        return Screening(
            passed,
            lambda position: limit(candidates[position], thin=request.thin, wanted_gb=float(wanted_gb)),
            shortfall=wanted_gb - largest_gb,
        )
