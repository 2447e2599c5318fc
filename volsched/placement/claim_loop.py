"""Walk a ranking until a claim holds. A lost race is ordinary: the next pool is tried, on fresh figures at the end."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from volsched.exceptions import ClaimConflict, NoValidBackend
from volsched.model.claim import Placement
from volsched.model.decision import Decision
from volsched.model.ports import ClaimStore, PoolSource

Decide = Callable[[], Decision]
Place = Callable[[Decision], Placement]


def claim_best(decide: Decide, place: Place, *, pools: PoolSource, claims: ClaimStore, attempts: int) -> Decision:
    """Decide and claim the best pool that still has the room; the decision returned names it as `chosen`.

    `place` makes the placement for a decision whose `chosen` is set. At most `attempts` claims are tried; when every
    ranked pool was lost, or none fits, the question is put again to fresh figures. Raises NoValidBackend, LeaseLost.
    """
    conflicts: list[str] = []
    renewed = False
    while True:
        decision = decide()
        if not decision and not renewed:
            renewed = True
            if pools.renew():
                continue
        if not decision:
            raise NoValidBackend(decision.reason(), replace(decision, conflicts=tuple(conflicts)))
        for position in range(min(len(decision.ranked), attempts - len(conflicts))):
            pool = decision.ranked[position]
            chosen = replace(decision, chosen=pool, conflicts=tuple(conflicts))
            try:
                claim = claims.claim(place(chosen))
            except ClaimConflict:
                conflicts.append(pool.pool_id)
                pools.refresh(pool.pool_id)
                continue
            pools.claimed(claim)
            return chosen
        if len(conflicts) >= attempts:
            lost = replace(decision, conflicts=tuple(conflicts))
            raise NoValidBackend(f"{len(conflicts)} claims in a row lost their race; try again", lost)
