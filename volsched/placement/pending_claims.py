"""Claims that the last reports do not count yet: their sizes are subtracted from what was reported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from volsched.model.claim import Claim, ClaimState
from volsched.model.identity import backend_of
from volsched.model.pool import PoolState


class PendingClaims:
    """The claims to subtract, by pool. Not safe for threads: the registry's lock protects it.

    A report counts a claim if it has a later time stamp than the confirmation and arrives after it. This is decided
    when the report arrives (`arrived`) and takes effect when it is applied (`settle`), so that a time stamp from the
    future does not cover a claim that is confirmed later.
    """

    def __init__(self) -> None:
        self._by_pool: dict[str, dict[str, Claim]] = {}
        self._pools_of: dict[str, set[str]] = {}  # backend id -> its pools with claims
        self._pool_of: dict[str, str] = {}  # claim key -> pool id
        self._known: set[str] = set()
        self._sums: dict[str, tuple[float, datetime]] = {}  # pool id -> sum of its claims, time of the last one

    def add(self, claim: Claim) -> tuple[str, ...]:
        """Subtract a claim; the same one again changes nothing. Return the pools that change."""
        before = self._pool_of.get(claim.key)
        if before is not None:
            if before == claim.pool_id and self._by_pool[before][claim.key].size_gb == claim.size_gb:
                if claim.confirmed_at is not None:
                    self._by_pool[before][claim.key] = claim
                return ()
            self.remove(claim.key)
        self._pool_of[claim.key] = claim.pool_id
        self._by_pool.setdefault(claim.pool_id, {})[claim.key] = claim
        self._pools_of.setdefault(backend_of(claim.pool_id), set()).add(claim.pool_id)
        taken, latest = self._sums.get(claim.pool_id, (0.0, claim.made_at))
        self._sums[claim.pool_id] = (taken + claim.size_gb, max(latest, claim.made_at))
        return (claim.pool_id,) if before is None or before == claim.pool_id else (before, claim.pool_id)

    def confirm(self, key: str, at: datetime) -> None:
        """Confirm a claim at a time of the backend's clock; later reports count it."""
        pool_id = self._pool_of.get(key)
        if pool_id is not None:
            held = self._by_pool[pool_id]
            held[key] = replace(held[key], state=ClaimState.CONFIRMED, confirmed_at=at)

    def remove(self, key: str) -> str | None:
        """Release a claim; return its pool, or None if the claim is not subtracted."""
        pool_id = self._pool_of.pop(key, None)
        self._known.discard(key)
        if pool_id is None:
            return None
        held = self._by_pool[pool_id]
        del held[key]
        if held:
            self._sums[pool_id] = (
                float(sum(claim.size_gb for claim in held.values())),
                max(claim.made_at for claim in held.values()),
            )
        else:
            del self._by_pool[pool_id], self._sums[pool_id]
            pools = self._pools_of[backend_of(pool_id)]
            pools.discard(pool_id)
            if not pools:
                del self._pools_of[backend_of(pool_id)]
        return pool_id

    def replace_all(self, claims: Iterable[Claim]) -> set[str]:
        """Replace all claims; return the pools that change."""
        wanted = {claim.key: claim for claim in claims}
        changed: set[str] = set()
        for key, pool_id in list(self._pool_of.items()):
            if key not in wanted or wanted[key].pool_id != pool_id:
                self.remove(key)
                changed.add(pool_id)
        for claim in wanted.values():
            changed.update(self.add(claim))
        return changed

    def arrived(self, backend_id: str, reported_at: datetime) -> None:
        """Note which claims a report of this backend counts."""
        for pool_id in self._pools_of.get(backend_id, ()):
            for key, claim in self._by_pool[pool_id].items():
                if claim.known_to(reported_at):
                    self._known.add(key)

    def settle(self, backend_id: str) -> None:
        """Stop subtracting the claims that the applied report of this backend counts."""
        if not self._known:
            return
        for pool_id in tuple(self._pools_of.get(backend_id, ())):
            for key in [key for key in self._by_pool[pool_id] if key in self._known]:
                self.remove(key)

    def subtracted(self, pool: PoolState) -> PoolState:
        """Return the pool as reported, with its claims subtracted."""
        held = self._sums.get(pool.pool_id)
        if held is None:
            return pool
        taken, latest = held
        return replace(
            pool,
            free_gb=pool.free_gb - taken,
            allocated_gb=pool.allocated_gb + taken,
            provisioned_gb=pool.provisioned_gb + taken,
            updated=latest if pool.updated is None else max(pool.updated, latest),
        )
