"""The columns that more than one plugin reads."""

from __future__ import annotations

import math

import numpy as np

from volsched.domain import capacity
from volsched.domain.candidates import CodedColumn, Column
from volsched.domain.pool import PoolState


def _room(pool: PoolState, *, thin: bool) -> float:
    if not pool.bounded:
        return math.inf
    return float(
        capacity.virtual_free_gb(
            pool.total_gb,
            pool.free_gb,
            pool.provisioned_gb,
            pool.reserved_percentage,
            pool.max_over_subscription_ratio,
            thin and pool.thin,
        )
    )


TOTAL_GB = Column("total_gb", np.float64, lambda pool: pool.total_gb)
FREE_GB = Column("free_gb", np.float64, lambda pool: pool.free_gb, figures=True)
ALLOCATED_GB = Column("allocated_gb", np.float64, lambda pool: pool.allocated_gb, figures=True)
PROVISIONED_GB = Column("provisioned_gb", np.float64, lambda pool: pool.provisioned_gb, figures=True)
RESERVED_PERCENTAGE = Column("reserved_percentage", np.float64, lambda pool: pool.reserved_percentage)
RATIO = Column("max_over_subscription_ratio", np.float64, lambda pool: pool.max_over_subscription_ratio)
THIN = Column("thin", np.bool_, lambda pool: pool.thin)
THICK = Column("thick", np.bool_, lambda pool: pool.thick)
BOUNDED = Column("bounded", np.bool_, lambda pool: pool.bounded, figures=True)
# Room for a request that accepts thin provisioning, and for one that does not; inf where capacity is unbounded.
ROOM_THIN_GB = Column("room_thin_gb", np.float64, lambda pool: _room(pool, thin=True), figures=True)
ROOM_THICK_GB = Column("room_thick_gb", np.float64, lambda pool: _room(pool, thin=False), figures=True)

ZONE = CodedColumn("zone", lambda pool: pool.zone)
BACKEND_ID = CodedColumn("backend_id", lambda pool: pool.backend_id)
