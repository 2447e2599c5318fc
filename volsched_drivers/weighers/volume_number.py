"""The weigher volume_number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from volsched.model.candidates import CodedColumn
from volsched.plugins import VOLUME_COUNTS, Candidates, ColumnWeigher, PoolState, RequestSpec
from volsched.plugins.weighers import Weights

if TYPE_CHECKING:
    from oslo_config import cfg


def _addresses(pool: PoolState) -> frozenset[str]:
    """Return the hosts that volumes of a pool may have: with the service's name, and with the cluster's."""
    return frozenset({f"{pool.host}#{pool.name}", pool.pool_id})


ADDRESSES = CodedColumn("addresses", _addresses)


class VolumeNumberWeigher(ColumnWeigher):
    """Weighs by the number of volumes, of all projects, that a pool holds: the fewest is best."""

    contract = (1, 0)
    needs = frozenset({VOLUME_COUNTS})

    def __init__(self, volume_number_multiplier: float = -1.0) -> None:
        self.multiplier = volume_number_multiplier

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg  # here, because the import is slow and options are needed only at start

        return (
            cfg.FloatOpt(
                "volume_number_multiplier",
                deprecated_group="DEFAULT",  # Cinder's group
                default=-1.0,
                help="Multiplier of the weights: negative spreads volumes over the pools, positive packs them.",
            ),
        )

    def weigh(self, request: RequestSpec, candidates: Candidates) -> Weights:
        counts = request.facts.volume_counts
        addresses = candidates.coded(ADDRESSES)
        held = [sum(counts.get(address, 0) for address in known) for known in addresses.values]
        return np.array(held, np.float64)[addresses.codes]
