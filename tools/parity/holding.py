"""Causes that lie in claims: room that one of the two holds back, and the other does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tools.parity.answers import same_number
from tools.parity.books import same_report
from tools.parity.comparing import CHOSEN, FAILURE, FIGURES_BEFORE, PASSES, RETRY, TAKEN, Comparison
from tools.parity.seeing import NOTHING, lost_pools, seen_otherwise
from volsched.exceptions import NoValidBackend
from volsched.model import capacity


def shift(comparison: Comparison, pool_id: str) -> tuple[float, float]:
    """What Cinder and volsched hold back of a pool beyond its last report."""
    reported, theirs = comparison.ours.reported[pool_id].allocated_gb, comparison.their_figures[pool_id][1]
    held = theirs - reported if isinstance(theirs, int | float) else math.nan
    return held, comparison.ours.before[pool_id].allocated_gb - reported


def on_last_report(comparison: Comparison, pool_id: str) -> bool:
    last = comparison.ours.reported[pool_id]
    return same_report(comparison.their_figures[pool_id], last) and comparison.replay.books.basis(last) is last


def claim_held(comparison: Comparison, pool_id: str) -> bool:
    """volsched holds back room for a claim that Cinder has forgotten."""
    theirs, ours = shift(comparison, pool_id)
    return on_last_report(comparison, pool_id) and 0 <= theirs < ours


def no_undo(comparison: Comparison, pool_id: str) -> bool:
    """Cinder has given back what was not taken, or not there any more."""
    theirs, ours = shift(comparison, pool_id)
    return on_last_report(comparison, pool_id) and theirs < 0 <= ours


def late_report(comparison: Comparison, pool_id: str) -> bool:
    """Cinder goes on with an older report, for the last one is from before it took room; volsched counts it."""
    last = comparison.ours.reported[pool_id]
    basis = comparison.replay.books.basis(last)
    return basis is not last and same_report(comparison.their_figures[pool_id], basis)


def held_besides(comparison: Comparison, pool_id: str) -> bool:
    """Cinder still holds the room of an earlier attempt at the very volume that is asked for."""
    spec = comparison.replay.spec_of(comparison.number)
    held = comparison.replay.books.held_for(spec.get("volume_id") if isinstance(spec, Mapping) else None)
    theirs, ours = shift(comparison, pool_id)
    return held is not None and held[0] == pool_id and same_number(theirs - ours, held[1])


CLAIM_CAUSES = (claim_held, no_undo, late_report, held_besides)


def by_claims(holds: Callable[[Comparison, str], bool]) -> Callable[[Comparison], frozenset[str]]:
    """A rule on figures: every pool that Cinder saw otherwise has one of the causes, and this one is among them."""

    def explains(comparison: Comparison) -> frozenset[str]:
        if not comparison.differing & {FIGURES_BEFORE, PASSES}:
            return NOTHING
        otherwise = comparison.their_pools.keys() - lost_pools(comparison)
        if not all(any(cause(comparison, name) for cause in CLAIM_CAUSES) for name in otherwise):
            return NOTHING
        if not any(holds(comparison, name) for name in otherwise):
            return NOTHING
        return (seen_otherwise(comparison) | {FIGURES_BEFORE}) & comparison.differing

    return explains


def never_over_commits(comparison: Comparison) -> frozenset[str]:
    """Cinder places on a pool that has not the room, for no capacity filter was asked; the claim refuses."""
    chosen = comparison.theirs.chosen
    problem = comparison.ours.problem
    decision = problem.decision if isinstance(problem, NoValidBackend) else None
    lost = decision.conflicts if decision is not None else comparison.ours.conflicts
    if comparison.operation != "create_volume" or chosen is None or chosen not in lost:
        return NOTHING
    pool = comparison.ours.before.get(chosen)
    request = comparison.ours.asked[0][0]
    if pool is None or capacity.room_gb(pool, thin=request.thin) >= request.size_gb:
        return NOTHING
    return frozenset({CHOSEN, RETRY, FAILURE})


def placed_once(comparison: Comparison) -> frozenset[str]:
    """Asked again for a volume that has its room, volsched answers with that room; Cinder takes more elsewhere."""
    spec = comparison.replay.spec_of(comparison.number)
    volume_id = spec.get("volume_id") if isinstance(spec, Mapping) else None
    held = comparison.replay.books.held_for(volume_id)
    if comparison.operation != "create_volume" or held is None:
        return NOTHING
    if comparison.ours.answer.chosen == held[0]:
        return frozenset({CHOSEN, RETRY, TAKEN}) & comparison.differing
    refused = isinstance(comparison.ours.problem, NoValidBackend) and comparison.ours.problem.decision is not None
    return frozenset({CHOSEN, FAILURE}) & comparison.differing if refused else NOTHING


def no_claim_without_volume(comparison: Comparison) -> frozenset[str]:
    """Cinder takes the room, then fails to write the volume's row, and keeps the room taken."""
    failure = comparison.theirs.failure
    if comparison.operation != "create_volume" or failure is None or comparison.theirs.chosen is None:
        return NOTHING
    return frozenset({CHOSEN}) if comparison.ours.answer.failure is not None else NOTHING
