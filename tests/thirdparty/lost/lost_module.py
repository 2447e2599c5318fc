"""Weighs by what another package would tell, if it were installed."""

import acme_telemetry

from volsched.plugins import PoolWeigher


class LostWeigher(PoolWeigher):
    """Weighs by telemetry."""

    contract = (1, 0)

    def weight_of(self, request, pool):
        return acme_telemetry.load(pool.pool_id)
