"""The availability zone that was asked for."""

from __future__ import annotations

from volsched.model.candidates import Mask
from volsched.model.columns import ZONE
from volsched.plugins import Candidates, ColumnFilter, RequestSpec, Screening


class AvailabilityZoneFilter(ColumnFilter):
    """Passes pools whose service is in one of the zones asked for; all pools where none is asked for."""

    contract = (1, 0)
    elementwise = True

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        wanted = request.zones or ((request.zone,) if request.zone else ())

        def judge(pools: Candidates) -> Mask:
            return pools.coded(ZONE).where(lambda zone: not wanted or zone in wanted)

        def why(position: int) -> str:
            asked = " or ".join(str(zone) for zone in wanted)
            return f"zone {asked} asked, the pool is in {candidates[position].zone}"

        return Screening(candidates.judged((AvailabilityZoneFilter, wanted), judge), why)
