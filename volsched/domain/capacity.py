"""Thick and thin arithmetic: one copy, for the filter, the weigher and the claim.

Every function takes scalars or arrays alike and computes element by element. Rules: CINDER-SEMANTICS, section 7.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Figures = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEFAULT_AUTO_RATIO = 20.0


def reserved_gb(total_gb: Any, reserved_percentage: Any) -> Any:
    """What the operator holds back: whole GiB, rounded down."""
    return np.floor(total_gb * reserved_percentage / 100.0)


def available_gb(total_gb: Any, reserved_percentage: Any) -> Any:
    """What volumes may use at all, before thin provisioning multiplies it."""
    return total_gb - reserved_gb(total_gb, reserved_percentage)


def total_available_gb(total_gb: Any, reserved_percentage: Any, ratio: Any, thin: Any) -> Any:
    """The most that may be provisioned, to 2 places. `thin`: the pool is thin and the request accepts that."""
    available = available_gb(total_gb, reserved_percentage)
    return np.round(np.where(thin, available * ratio, available), 2)


def virtual_free_gb(
    total_gb: Any, free_gb: Any, provisioned_gb: Any, reserved_percentage: Any, ratio: Any, thin: Any
) -> Any:
    """The room for new volumes, to 2 places; negative where more is provisioned than may be.

    Thin: over-subscribed capacity less what is provisioned. Thick: no more than the free space reported either.
    Meaningless for unbounded or unknown capacity: ask `PoolState.bounded` (or the BOUNDED column) first.
    """
    available = available_gb(total_gb, reserved_percentage)
    room_thin = available * ratio - provisioned_gb
    room_thick = np.minimum(available - provisioned_gb, free_gb)
    return np.round(np.where(thin, room_thin, room_thick), 2)


def auto_ratio(total_gb: float, free_gb: float, provisioned_gb: float) -> float:
    """The over-subscription that a pool has shown to bear: 1 + provisioned / (used + 1), or 20 where nothing is."""
    if provisioned_gb == 0:
        return DEFAULT_AUTO_RATIO
    return 1.0 + float(provisioned_gb) / ((total_gb - free_gb) + 1.0)
