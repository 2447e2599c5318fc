"""The numbers of a capability report: what is one, what stands for one, and what is no such thing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from volsched.model import capacity
from volsched.model.parsing.values import Unusable, shown

INFINITE = "infinite"
UNKNOWN = "unknown"
AUTO = "auto"
WORDS: Mapping[str, float] = {INFINITE: math.inf, UNKNOWN: math.nan}

MEND = "report a number of GiB"
MEND_CAPACITY = f"{MEND}, '{INFINITE}' or '{UNKNOWN}'"


def capacity_from(pool: Mapping[str, Any], key: str, *, text: bool = False) -> float:
    """Total or free capacity, 0 where it is missing; inf for `infinite`, nan for `unknown`. Raises Unusable."""
    value = pool.get(key, 0)
    if type(value) is str and value in WORDS:
        return WORDS[value]
    return figure(value, key, MEND_CAPACITY, text=text)


def figure(value: Any, key: str, fix: str = MEND, *, text: bool = False) -> float:
    """A finite number of 0 or more. `text`: a text that spells one will do. Raises Unusable."""
    if type(value) is str and text:
        value = _spelt(value, key, fix)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(key, f"{shown(value)} is no number; {fix}")
    try:
        number = float(value)
    except OverflowError:
        raise Unusable(key, f"{shown(value)} is beyond any figure; {fix}") from None
    if not math.isfinite(number):
        raise Unusable(key, f"{number} is no figure to reckon with; {fix}")
    if number < 0:
        raise Unusable(key, f"{shown(value)} is negative; {fix}")
    return number


def _spelt(text: str, key: str, fix: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unusable(key, f"{shown(text)} is text that spells no number; {fix}") from None


def ratio_from(
    pool: Mapping[str, Any], default_ratio: str, *, total_gb: float, free_gb: float, provisioned_gb: float
) -> float:
    """How many times over a pool may be provisioned; 1 where that does not apply. Raises Unusable.

    Thick, unbounded and unknown pools are never over-subscribed. A missing or empty value means the configured one.
    """
    key = "max_over_subscription_ratio"
    if not pool.get("thin_provisioning_support") or not math.isfinite(total_gb) or not math.isfinite(free_gb):
        return 1.0
    value = pool.get(key) or default_ratio
    if value == AUTO:
        if provisioned_gb and total_gb - free_gb + 1.0 == 0.0:
            raise Unusable(key, f"'{AUTO}' cannot be worked out: {free_gb:g} GiB are free of {total_gb:g}")
        return capacity.auto_ratio(total_gb, free_gb, provisioned_gb)
    return figure(value, key, f"report a number such as 20.0, or '{AUTO}'", text=True)
