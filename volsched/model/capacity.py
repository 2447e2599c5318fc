"""Computation of room in thick and thin pools, for filters, weighers and claims. All sizes are GiB."""

from __future__ import annotations

import math

from volsched.model.pool import PoolState

DEFAULT_AUTO_RATIO = 20.0


def reserved_gb(total_gb: float, reserved_percentage: float) -> int:
    """Return the reserved capacity in whole GiB, rounded down."""
    return math.floor(total_gb * (reserved_percentage / 100))


def available_gb(total_gb: float, reserved_percentage: float) -> float:
    """Return the capacity without the reserved part, before over-subscription."""
    return total_gb - reserved_gb(total_gb, reserved_percentage)


def total_available_gb(total_gb: float, reserved_percentage: float, ratio: float, thin: bool) -> float:
    """Return how much may be provisioned, to 2 places. `thin`: the pool is thin and the request accepts it."""
    available = available_gb(total_gb, reserved_percentage)
    return round(available * ratio if thin else available, 2)


def virtual_free_gb(
    total_gb: float, free_gb: float, provisioned_gb: float, reserved_percentage: float, ratio: float, thin: bool
) -> float:
    """Return the room for new volumes, to 2 places; negative if too much is provisioned.

    Thin: over-subscribed capacity less provisioned. Thick: also at most the reported free capacity. The result is
    meaningless for unbounded or unknown capacity; see `PoolState.bounded`.
    """
    available = available_gb(total_gb, reserved_percentage)
    if thin:
        return round(available * ratio - provisioned_gb, 2)
    return round(min(available - provisioned_gb, free_gb), 2)


def auto_ratio(total_gb: float, free_gb: float, provisioned_gb: float) -> float:
    """Return the ratio `auto`: 1 + provisioned / (used + 1), or 20 if nothing is provisioned."""
    if provisioned_gb == 0:
        return DEFAULT_AUTO_RATIO
    return 1.0 + float(provisioned_gb) / ((total_gb - free_gb) + 1.0)


def room_gb(pool: PoolState, *, thin: bool) -> float:
    """Return the room of a pool for requests that accept (`thin`) or refuse thin provisioning; inf if unbounded."""
    if not pool.bounded:
        return math.inf
    return virtual_free_gb(
        pool.total_gb,
        pool.free_gb,
        pool.provisioned_gb,
        pool.reserved_percentage,
        pool.max_over_subscription_ratio,
        thin and pool.thin,
    )


def finite_room_gb(pool: PoolState, *, thin: bool) -> float:
    """Return the room, or -1 if it is unbounded or not known."""
    left_gb = room_gb(pool, thin=thin)
    return left_gb if math.isfinite(left_gb) else -1.0


def takes_some(pool: PoolState, *, thin: bool) -> bool:
    """Return whether a pool accepts any request that fits its room. Claims do not change it."""
    if not math.isfinite(pool.free_gb):
        return True
    if not math.isfinite(pool.total_gb):
        return pool.reserved_percentage == 0
    return pool.total_gb > 0 and not (thin and pool.thin and pool.max_over_subscription_ratio < 1)


def takes_all(pool: PoolState, *, thin: bool) -> bool:
    """Return whether a pool accepts requests of any size. Claims do not change it."""
    return takes_some(pool, thin=thin) and not math.isfinite(room_gb(pool, thin=thin))


def largest_gb(pool: PoolState, *, thin: bool) -> float:
    """Return the largest request that a pool accepts: its room, inf if unlimited, -inf if it accepts none."""
    if takes_all(pool, thin=thin):
        return math.inf
    return room_gb(pool, thin=thin) if takes_some(pool, thin=thin) else -math.inf


def limit(pool: PoolState, *, thin: bool, wanted_gb: float) -> str:
    """Return why a pool does not accept `wanted_gb`, with the numbers that decided."""
    if not math.isfinite(pool.total_gb) and math.isfinite(pool.free_gb):
        return f"{pool.reserved_percentage:g} % is reserved of a total capacity that is not known"
    if pool.total_gb <= 0:
        return f"the pool has a total capacity of {pool.total_gb:.12g} GiB"
    if thin and pool.thin and pool.max_over_subscription_ratio < 1:
        return f"over-subscription ratio {pool.max_over_subscription_ratio:g} is below 1"
    return f"{wanted_gb:.12g} GiB asked, {room_gb(pool, thin=thin):.2f} GiB left"
