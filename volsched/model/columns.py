"""The columns that more than one plugin reads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from volsched.model import capacity
from volsched.model.candidates import CodedColumn, Column
from volsched.model.pool import PoolState

TOTAL_GB = Column("total_gb", np.float64, lambda pool: pool.total_gb)
FREE_GB = Column("free_gb", np.float64, lambda pool: pool.free_gb, figures=True)
ALLOCATED_GB = Column("allocated_gb", np.float64, lambda pool: pool.allocated_gb, figures=True)
PROVISIONED_GB = Column("provisioned_gb", np.float64, lambda pool: pool.provisioned_gb, figures=True)
RESERVED_PERCENTAGE = Column("reserved_percentage", np.float64, lambda pool: pool.reserved_percentage)
RATIO = Column("max_over_subscription_ratio", np.float64, lambda pool: pool.max_over_subscription_ratio)
THIN = Column("thin", np.bool_, lambda pool: pool.thin)
THICK = Column("thick", np.bool_, lambda pool: pool.thick)
BOUNDED = Column("bounded", np.bool_, lambda pool: pool.bounded)  # claims do not change that
# Room for requests that accept thin provisioning, and for those that do not; inf if capacity is unbounded.
ROOM_THIN_GB = Column("room_thin_gb", np.float64, lambda pool: capacity.room_gb(pool, thin=True), figures=True)
ROOM_THICK_GB = Column("room_thick_gb", np.float64, lambda pool: capacity.room_gb(pool, thin=False), figures=True)
# The largest request of either kind that the pool accepts; -inf if it accepts none.
LARGEST_THIN_GB = Column("largest_thin_gb", np.float64, lambda pool: capacity.largest_gb(pool, thin=True), figures=True)
LARGEST_THICK_GB = Column(
    "largest_thick_gb", np.float64, lambda pool: capacity.largest_gb(pool, thin=False), figures=True
)
# Room, or -1 if it is unbounded or not known: the one number that the default filters and weighers read…
FINITE_ROOM_THIN_GB = Column(
    "finite_room_thin_gb", np.float64, lambda pool: capacity.finite_room_gb(pool, thin=True), figures=True
)
FINITE_ROOM_THICK_GB = Column(
    "finite_room_thick_gb", np.float64, lambda pool: capacity.finite_room_gb(pool, thin=False), figures=True
)
# … and whether requests fit at all or always, which claims do not change.
TAKES_SOME_THIN = Column("takes_some_thin", np.bool_, lambda pool: capacity.takes_some(pool, thin=True))
TAKES_SOME_THICK = Column("takes_some_thick", np.bool_, lambda pool: capacity.takes_some(pool, thin=False))
TAKES_ALL_THIN = Column("takes_all_thin", np.bool_, lambda pool: capacity.takes_all(pool, thin=True))
TAKES_ALL_THICK = Column("takes_all_thick", np.bool_, lambda pool: capacity.takes_all(pool, thin=False))

ZONE = CodedColumn("zone", lambda pool: pool.zone)
BACKEND_ID = CodedColumn("backend_id", lambda pool: pool.backend_id)
CAPABILITIES = CodedColumn("capabilities", lambda pool: pool.capabilities)
# The names of the reported capabilities. Check it before interning a capability that a user named.
CAPABILITY_KEYS = CodedColumn("capability_keys", lambda pool: frozenset(pool.capabilities))


class _NotReported:
    """The value of a capability that a pool does not report."""

    def __repr__(self) -> str:
        return "NOT_REPORTED"


NOT_REPORTED: Final = _NotReported()


@lru_cache(maxsize=4096)
def capability(key: str) -> CodedColumn:
    """Return the column of one reported capability; NOT_REPORTED for pools without it."""

    def read(pool: PoolState) -> Any:
        return pool.capabilities.get(key, NOT_REPORTED)

    return CodedColumn(f"capability {key}", read)
