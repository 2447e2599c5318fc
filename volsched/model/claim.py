"""Room claimed in a pool, and the keys that make a claim repeatable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from volsched.model.event import Event
from volsched.model.serialization import NOTHING
from volsched.model.work import Lease, WorkRequest


class ClaimState(StrEnum):
    """How far the work for which room was taken has come."""

    CLAIMED = "claimed"  # the room is taken; the backend has not confirmed the work
    CONFIRMED = "confirmed"  # the work is done; reports made after `confirmed_at` know of it


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Room taken in one pool for one volume. `key` makes taking it again harmless.

    `key` is what one of the functions `…_key` below returns. The claims that a volume has in its pool add up to its
    size and the sizes of its snapshots.
    """

    key: str
    volume_id: str
    pool_id: str
    size_gb: float
    made_at: datetime
    state: ClaimState = ClaimState.CLAIMED
    confirmed_at: datetime | None = None

    def known_to(self, reported_at: datetime) -> bool:
        """Whether a report with this time stamp already counts the claimed room as used."""
        return self.confirmed_at is not None and self.confirmed_at < reported_at


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that becomes true in the one transaction that claims a pool."""

    claim: Claim
    thin: bool  # whether the request accepts thin provisioning: which room of the pool counts
    volume_changes: Mapping[str, Any] = NOTHING  # host, zone, status…
    decision: Callable[[], Mapping[str, Any]] | None = None  # gives Decision.plain(), for a store that keeps it
    decision_id: Callable[[], str] | None = None  # gives the id that it is kept under
    events: Sequence[Event] = ()
    work: Sequence[WorkRequest] = ()  # casts to the agent, as work rows
    fence: Lease | None = None  # refused with LeaseLost where it is no longer held; its work ends with the claim


def create_key(volume_id: str) -> str:
    """Return the key of the claim of a new volume, or of one that is taken under management."""
    return volume_id


def extend_key(volume_id: str, new_size_gb: int) -> str:
    """Return the key of the claim for the growth of a volume to this size."""
    return f"{volume_id}/extend-{new_size_gb}"


def migrate_key(volume_id: str, pool_id: str) -> str:
    """Return the key of the claim of a volume that moves to this pool."""
    return f"{volume_id}/migrate-{pool_id}"


def snapshot_key(snapshot_id: str) -> str:
    """Return the key of the claim of a snapshot."""
    return snapshot_id


def drain_key(volume_id: str) -> str:
    """Return the key of the claim that the plan of a drain assumes; it is never stored."""
    return f"{volume_id}/drain"
