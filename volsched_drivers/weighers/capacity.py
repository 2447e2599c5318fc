"""Free room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.domain import capacity
from volsched.domain.columns import ROOM_THICK_GB, ROOM_THIN_GB
from volsched.plugins import Candidates, Column, ColumnWeigher, PoolState, RequestSpec
from volsched.plugins.weighers import Weights

if TYPE_CHECKING:
    from oslo_config import cfg

# How far ahead of the largest finite room unbounded pools are, where the least room is wanted.
FAR = 100
FAR_FROM_EQUALS_GB = 10_000.0


def _or_last(pool: PoolState, *, thin: bool) -> float:
    """The room, -1 where it is unbounded or unknown."""
    room_gb = capacity.room_gb(pool, thin=thin)
    return room_gb if math.isfinite(room_gb) else -1.0


# Weights where the most room is wanted, for a request that accepts thin provisioning, and for one that does not.
LAST_THIN = Column("room_or_last_thin_gb", np.float64, lambda pool: _or_last(pool, thin=True), figures=True)
LAST_THICK = Column("room_or_last_thick_gb", np.float64, lambda pool: _or_last(pool, thin=False), figures=True)


class CapacityWeigher(ColumnWeigher):
    """Weighs by the room left: the most is best, and unbounded or unknown capacity comes last either way."""

    contract = (1, 0)

    def __init__(self, capacity_weight_multiplier: float = 1.0) -> None:
        self.multiplier = capacity_weight_multiplier

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg  # here, for options are wanted once at start and the import is slow

        return (
            cfg.FloatOpt(
                "capacity_weight_multiplier",
                deprecated_group="DEFAULT",  # where Cinder has it
                default=1.0,
                help="How much free room counts: positive spreads volumes over the pools, negative packs them.",
            ),
        )

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        if self.multiplier > 0:
            return candidates.column(LAST_THIN if request.thin else LAST_THICK)
        room_gb = candidates.column(ROOM_THIN_GB if request.thin else ROOM_THICK_GB)
        finite = np.isfinite(room_gb)
        if finite.all():
            return room_gb
        if not finite.any():
            return np.zeros(len(candidates))
        most, least = room_gb[finite].max(), room_gb[finite].min()
        return np.where(finite, room_gb, most + ((most - least) * FAR or FAR_FROM_EQUALS_GB))
