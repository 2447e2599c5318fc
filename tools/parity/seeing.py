"""Causes that change which pools are seen, or how. Each is proved by asking again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from tools.parity.books import same_report
from tools.parity.comparing import (
    CHOSEN,
    FAILURE,
    FIGURES_BEFORE,
    KNOWN,
    NOTIFICATIONS,
    ORDER,
    PASSES,
    POOLS,
    RETRY,
    VALUE,
    Comparison,
)
from tools.parity.replay import QUESTIONS
from tools.parity.reports import unusable_message, unusable_somewhere
from volsched.model.identity import backend_of
from volsched.model.request import RequestSpec

NOTHING: frozenset[str] = frozenset()
#: What follows from another list of pools, or another ranking.
OUTCOME = frozenset({PASSES, CHOSEN, RETRY, FAILURE})


def aside_pools(comparison: Comparison) -> frozenset[str]:
    """The pools that Cinder knew, and that volsched has set aside."""
    names = {name for name, _ in comparison.ours.set_aside}
    return frozenset(
        pool_id
        for pool_id in known_to_cinder(comparison)
        if pool_id not in comparison.ours.before and (pool_id in names or backend_of(pool_id) in names)
    )


def lost_pools(comparison: Comparison) -> frozenset[str]:
    """The pools of which Cinder has another report: one that volsched set aside, or not the last, which it lost."""
    books = comparison.replay.books
    known = {*known_to_cinder(comparison), *comparison.ours.before}
    lost = {pool_id for pool_id in known if backend_of(pool_id) in books.lost}
    for pool_id in comparison.other_figures if comparison.looked else ():
        if {pool_id, backend_of(pool_id)} & books.once_aside and not known_report(comparison, pool_id):
            lost.add(pool_id)
    return frozenset(lost)


def known_report(comparison: Comparison, pool_id: str) -> bool:
    figures, last = comparison.their_figures[pool_id], comparison.ours.reported[pool_id]
    return same_report(figures, last) or same_report(figures, comparison.replay.books.basis(last))


def known_to_cinder(comparison: Comparison) -> Iterator[str]:
    theirs = comparison.theirs
    yield from theirs.figures
    yield from theirs.pools or ()
    for each in theirs.passes:
        for _, survivors in each.filters:
            yield from survivors


def hidden_pools(comparison: Comparison) -> frozenset[str]:
    """The pools that Cinder does not see, for another backend and pool are joined to the same name."""
    if not comparison.looked:
        return NOTHING
    by_name: dict[str, list[str]] = {}
    for pool in comparison.ours.before.values():
        by_name.setdefault(f"{pool.backend_id}.{pool.name}", []).append(pool.pool_id)
    return frozenset(
        pool_id
        for alike in by_name.values()
        if len(alike) > 1
        for pool_id in alike
        if not any(pool_id in survivors for each in comparison.theirs.passes for _, survivors in each.filters)
    )


def ignores_zone(comparison: Comparison) -> bool:
    """Whether Cinder does not read the zone of a new volume: its spec has it under one of the two names only."""
    if comparison.operation != "create_volume":
        return False
    spec = comparison.replay.spec_of(comparison.number)
    if not isinstance(spec, Mapping) or spec.get("resource_properties") or spec.get("availability_zones"):
        return False
    described = spec.get("volume_properties")
    return isinstance(described, Mapping) and bool(described.get("availability_zone"))


def counts_by_cluster(comparison: Comparison) -> bool:
    """Whether volumes are counted that bear the cluster's name as their host."""
    names = {pool.pool_id for pool in comparison.ours.before.values() if pool.cluster_name}
    return any(names & set(request.facts.volume_counts) for request, _, _ in comparison.ours.asked)


def as_cinder_asks(comparison: Comparison) -> Callable[[RequestSpec], RequestSpec]:
    clusters = {pool.pool_id for pool in comparison.ours.before.values() if pool.cluster_name}

    def other(request: RequestSpec) -> RequestSpec:
        if ignores_zone(comparison):
            request = replace(request, zone=None)
        counts = {host: count for host, count in request.facts.volume_counts.items() if host not in clusters}
        return replace(request, facts=replace(request.facts, volume_counts=counts))

    return other


def laid_out_later(comparison: Comparison) -> bool:
    """Whether Cinder came to know some backends later than volsched, for a bad report stopped it on the way."""
    return ORDER in comparison.differing and comparison.replay.books.once_stalled


def another_order(comparison: Comparison) -> frozenset[str]:
    """The same pools, in another order."""
    if not laid_out_later(comparison):
        return NOTHING
    explained = {ORDER}
    theirs, ours = comparison.theirs.pools, comparison.ours.answer.pools
    if theirs is not None and ours is not None and sorted(theirs) == sorted(ours):
        explained |= {POOLS}
    return frozenset(explained) | seen_otherwise(comparison)


def proved(comparison: Comparison) -> bool:
    """Whether all these causes together, and nothing else, made the difference."""
    lost = lost_pools(comparison)
    return comparison.reconciled(
        aside=aside_pools(comparison) | lost,
        hidden=hidden_pools(comparison) | lost,
        in_their_order=laid_out_later(comparison),
        other=as_cinder_asks(comparison),
    )


def seen_otherwise(comparison: Comparison) -> frozenset[str]:
    """What follows from pools that were seen otherwise, proved."""
    return OUTCOME if PASSES in comparison.differing and proved(comparison) else NOTHING


def set_aside(comparison: Comparison) -> frozenset[str]:
    aside = aside_pools(comparison)
    if comparison.operation == "notify_capabilities":
        return frozenset({NOTIFICATIONS, FAILURE}) if unusable_message(comparison) else NOTHING
    if not aside:
        return NOTHING
    explained = {KNOWN} if comparison.looked else set()
    if comparison.theirs.pools is not None and comparison.ours.answer.pools is not None:
        left = tuple(name for name in comparison.theirs.pools if name not in aside)
        explained |= {POOLS} if left == comparison.ours.answer.pools else set()
    if comparison.differing & OUTCOME and proved(comparison):
        explained |= OUTCOME
    return frozenset(explained)


def report_accident(comparison: Comparison) -> frozenset[str]:
    """One bad report stops every request in Cinder; here its pools are set aside, and nobody else notices."""
    failure, books = comparison.theirs.failure, comparison.replay.books
    if comparison.operation in {"is_ready", "is_first_receive"}:
        return frozenset({VALUE}) & comparison.differing if books.stalled or books.lost else NOTHING
    if failure is None or failure.meant or FAILURE not in comparison.differing:
        return NOTHING
    if not (comparison.ours.set_aside or books.lost or unusable_somewhere(comparison)):
        return NOTHING
    if comparison.operation not in QUESTIONS:
        return frozenset({FAILURE})
    return OUTCOME | {POOLS} if proved(comparison) else NOTHING


def lost_report(comparison: Comparison) -> frozenset[str]:
    """A report that Cinder fails to compare with the one before is never stored; here the later one counts."""
    lost = lost_pools(comparison)
    if not lost:
        return NOTHING
    explained: set[str] = set()
    if {*comparison.theirs.figures} - lost == {*comparison.ours.before} - lost - hidden_pools(comparison):
        explained |= {KNOWN}
    if comparison.other_figures <= lost:
        explained |= {FIGURES_BEFORE}
    if comparison.theirs.pools is not None and comparison.ours.answer.pools is not None:
        theirs = [name for name in comparison.theirs.pools if name not in lost]
        ours = [name for name in comparison.ours.answer.pools if name not in lost]
        explained |= {POOLS} if theirs == ours else set()
    if proved(comparison):
        explained |= OUTCOME
    return frozenset(explained) & comparison.differing


def hiding(comparison: Comparison) -> frozenset[str]:
    hidden = hidden_pools(comparison)
    return seen_otherwise(comparison) if hidden else NOTHING


def zone_counts(comparison: Comparison) -> frozenset[str]:
    return seen_otherwise(comparison) if ignores_zone(comparison) else NOTHING


def cluster_counts(comparison: Comparison) -> frozenset[str]:
    return seen_otherwise(comparison) if counts_by_cluster(comparison) else NOTHING
