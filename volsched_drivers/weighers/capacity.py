"""The weigher capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.model.columns import FINITE_ROOM_THICK_GB, FINITE_ROOM_THIN_GB, ROOM_THICK_GB, ROOM_THIN_GB
from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights

if TYPE_CHECKING:
    from oslo_config import cfg

# With a negative multiplier, the distance of unbounded pools from the largest finite room: a factor of the range of
# finite rooms, or GiB where these are equal.
FAR = 100
FAR_FROM_EQUALS_GB = 10_000.0


class CapacityWeigher(ColumnWeigher):
    """Weighs by free room: the most is best. Unbounded and unknown capacities come last with either sign."""

    contract = (1, 0)

    def __init__(self, capacity_weight_multiplier: float = 1.0) -> None:
        self.multiplier = capacity_weight_multiplier

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg  # here, because the import is slow and options are needed only at start

        return (
            cfg.FloatOpt(
                "capacity_weight_multiplier",
                deprecated_group="DEFAULT",  # Cinder's group
                default=1.0,
                help="Multiplier of the weights: positive spreads volumes over the pools, negative packs them.",
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
