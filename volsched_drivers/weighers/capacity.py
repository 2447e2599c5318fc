"""Free room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.model.columns import FINITE_ROOM_THICK_GB, FINITE_ROOM_THIN_GB, ROOM_THICK_GB, ROOM_THIN_GB
from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights

if TYPE_CHECKING:
    from oslo_config import cfg

# How far ahead of the largest finite room unbounded pools are, where the least room is wanted.
FAR = 100
FAR_FROM_EQUALS_GB = 10_000.0


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
            return candidates.column(FINITE_ROOM_THIN_GB if request.thin else FINITE_ROOM_THICK_GB)
        room_gb = candidates.column(ROOM_THIN_GB if request.thin else ROOM_THICK_GB)
        finite = np.isfinite(room_gb)
        if finite.all():
            return room_gb
        if not finite.any():
            return np.zeros(len(candidates))
        most, least = room_gb[finite].max(), room_gb[finite].min()
        return np.where(finite, room_gb, most + ((most - least) * FAR or FAR_FROM_EQUALS_GB))
