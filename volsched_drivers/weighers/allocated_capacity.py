"""The weigher allocated_capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.model.columns import ALLOCATED_GB
from volsched.plugins import Candidates, ColumnWeigher, RequestSpec
from volsched.plugins.weighers import Weights

if TYPE_CHECKING:
    from oslo_config import cfg


class AllocatedCapacityWeigher(ColumnWeigher):
    """Weighs by allocated capacity: the least is best. A pool that does not report it counts as empty."""

    contract = (1, 0)

    def __init__(self, allocated_capacity_weight_multiplier: float = -1.0) -> None:
        self.multiplier = allocated_capacity_weight_multiplier

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg  # here, because the import is slow and options are needed only at start

        return (
            cfg.FloatOpt(
                "allocated_capacity_weight_multiplier",
                deprecated_group="DEFAULT",  # Cinder's group
                default=-1.0,
                help="Multiplier of the weights: negative spreads volumes over the pools, positive packs them.",
            ),
        )

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        allocated_gb = candidates.column(ALLOCATED_GB)
        return np.where(np.isfinite(allocated_gb), allocated_gb, 0.0)
