"""Which pools a listing asks for: by name, and by what they report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.model.pool import PoolState
from volsched.model.serialization import plain

TRUE_WORDS = frozenset({"1", "t", "true", "on", "y", "yes"})


def pool_matches(pool: PoolState, wanted: Mapping[str, Any]) -> bool:
    """Whether a pool is called `name`, and reports every other key of `wanted` with an equal value.

    Values of one kind are compared as they are, a reported boolean with the truth of the wanted text, and anything
    else by its text.
    """
    return all(
        pool.pool_id == value if key == "name" else _equal(value, pool.capabilities.get(key))
        for key, value in wanted.items()
    )


def _equal(wanted: Any, reported: Any) -> bool:
    wanted, reported = plain(wanted), plain(reported)
    if reported is None or type(wanted) is type(reported):
        return bool(wanted == reported)
    if isinstance(reported, bool):
        return (str(wanted).strip().lower() in TRUE_WORDS) is reported
    return str(wanted) == str(reported)
