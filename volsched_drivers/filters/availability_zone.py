"""The filter availability_zone."""

from __future__ import annotations

from volsched.model.candidates import Mask
from volsched.model.columns import ZONE
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class AvailabilityZoneFilter(ColumnFilter):
    """Passes pools whose service is in one of the requested zones; all pools without a requested zone."""

    contract = (1, 0)
    elementwise = True

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        wanted = request.zones or ((request.zone,) if request.zone else ())

        def judge(pools: Candidates) -> Mask:
            return pools.coded(ZONE).where(lambda zone: not wanted or zone in wanted)

        def why(position: int) -> str:
            zones = " or ".join(str(zone) for zone in wanted)
            return f"in zone {candidates[position].zone}, requested: {zones}"

        return Screening(candidates.judged((AvailabilityZoneFilter, wanted), judge), why)
