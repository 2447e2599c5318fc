"""The claim loop: decide, claim the chosen pool, and decide again where another process was faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from msgspec.structs import replace

from volsched.exceptions import ClaimConflict, NoValidBackend
from volsched.model.claim import Placement
from volsched.model.decision import Decision
from volsched.model.pool import PoolState
from volsched.model.ports import ClaimStore, PoolSource

Decide = Callable[[], Decision]
Place = Callable[[Decision], Placement | None]


def claim_best(decide: Decide, place: Place, *, pools: PoolSource, claims: ClaimStore, attempts: int) -> Decision:
    """Decide, and claim the best pool that still has the room; return the decision with that pool as `chosen`.

    A decision whose `chosen` is set stands for that pool alone, any other for all that it ranked. `place` returns what
    becomes true with the claim, or None where nothing has to be claimed. At most `attempts` claims are tried. The pools
    are read anew once before a request is refused. Raises NoValidBackend, LeaseLost.
    """
    conflicts: list[str] = []
    renewed = False
    while True:
        try:
            decision = decide()
            if not decision:
                raise NoValidBackend(decision.reason(), decision)
        except NoValidBackend as refusal:
            if not renewed and pools.renew():
                renewed = True
                continue
            if refusal.decision is None or not conflicts:
                raise
            lost = replace(refusal.decision, conflicts=tuple(conflicts))
            raise NoValidBackend(refusal.reason, lost) from None
        for pool in islice(_pools(decision), attempts - len(conflicts)):
            chosen = replace(decision, chosen=pool, conflicts=tuple(conflicts))
            placement = place(chosen)
            if placement is None:
                return chosen
            try:
                claim = claims.claim(placement)
            except ClaimConflict:
                conflicts.append(pool.pool_id)
                pools.refresh(pool.pool_id)
                continue
            pools.claimed(claim)
            return chosen
        if len(conflicts) >= attempts:
            lost = replace(decision, conflicts=tuple(conflicts))
            raise NoValidBackend(f"{len(conflicts)} claims in a row conflicted with others; try again", lost)


def _pools(decision: Decision) -> Iterator[PoolState]:
    if decision.chosen is not None:
        return iter((decision.chosen,))
    return (decision.ranked[position] for position in range(len(decision.ranked)))
