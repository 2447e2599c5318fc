"""Keeps volumes off flash that is nearly worn out: whole columns at once, for arrays with thousands of pools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from oslo_config import cfg

from volsched.plugins import Candidates, Column, ColumnFilter, PoolState, RequestSpec, Screening


def _worn_percent(pool: PoolState) -> float:
    try:
        return float(pool.capabilities.get("worn_percent", 0.0))
    except (TypeError, ValueError):
        return float("nan")


WORN_PERCENT = Column("acme_worn_percent", np.float64, _worn_percent)


class WearFilter(ColumnFilter):
    """Rejects pools that are worn beyond a limit, a lower one for types that ask for `acme:endurance = high`."""

    contract = (1, 0)

    def __init__(self, *, limit_percent: float, high_endurance_percent: float, trust_silent_pools: bool) -> None:
        self._limit = limit_percent
        self._high = high_endurance_percent
        self._trust = trust_silent_pools

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        return (
            cfg.FloatOpt("limit_percent", default=90.0, min=0, max=100, help="The most wear that is tolerated."),
            cfg.FloatOpt("high_endurance_percent", default=50.0, min=0, max=100, help="The same, for high endurance."),
            cfg.BoolOpt("trust_silent_pools", default=True, help="Whether a pool that reports nonsense will do."),
        )

    def validate(self) -> list[str]:
        if self._high > self._limit:
            return [f"high_endurance_percent {self._high:g} is above limit_percent {self._limit:g}: lower it"]
        return []

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        worn = candidates.column(WORN_PERCENT)
        limit = self._high if request.extra_specs.get("acme:endurance") == "high" else self._limit
        passed = np.where(np.isnan(worn), self._trust, worn <= limit)
        return Screening(passed, lambda row: f"worn to {worn[row]:g} %, {limit:g} % allowed", shortfall=worn - limit)
