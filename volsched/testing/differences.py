"""Where volsched means to decide otherwise than Cinder: one rule a cause, each told in doc/differences-from-cinder.rst.

A rule names the aspects of a difference that its cause explains, and none where the answers agree. Causes that change
which pools are seen, or how, are proved: asked again with the pools as Cinder saw them, volsched must decide as
Cinder did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from volsched.domain import capacity
from volsched.domain.parsing import pools_from
from volsched.domain.report import CapabilityReport, ServiceState
from volsched.domain.request import RequestSpec
from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.testing.bad_hints import bad_hint
from volsched.testing.parity.answers import same_number
from volsched.testing.parity.books import same_report
from volsched.testing.parity.cases import decoded
from volsched.testing.parity.comparing import (
    CHOSEN,
    FAILURE,
    FIGURES_BEFORE,
    KNOWN,
    NOTIFICATIONS,
    PASSES,
    POOLS,
    RETRY,
    TAKEN,
    VALUE,
    Comparison,
)
from volsched.testing.parity.replay import QUESTIONS
from volsched.testing.parity.stage import DEFAULT_RATIO

NOTHING: frozenset[str] = frozenset()
#: What follows from another list of pools, or another ranking.
OUTCOME = frozenset({PASSES, CHOSEN, RETRY, FAILURE})


@dataclass(frozen=True, slots=True)
class Rule:
    """One deliberate difference. `name` is that of its entry in the documentation; `traps` are Cinder's."""

    name: str
    traps: tuple[str, ...]
    explains: Callable[[Comparison], frozenset[str]]


# -- causes that change which pools are seen, or how -------------------------------------------------------------------


def _aside(comparison: Comparison) -> frozenset[str]:
    """The pools that Cinder knew, and that volsched has set aside."""
    names = {name for name, _ in comparison.ours.set_aside}
    return frozenset(
        pool_id
        for pool_id in _known_to_cinder(comparison)
        if pool_id not in comparison.ours.before and (pool_id in names or _backend(pool_id) in names)
    )


def _lost(comparison: Comparison) -> frozenset[str]:
    """The pools of which Cinder has another report: one that volsched set aside, or not the last, which it lost."""
    books = comparison.replay.books
    known = {*_known_to_cinder(comparison), *comparison.ours.before}
    lost = {pool_id for pool_id in known if _backend(pool_id) in books.lost}
    for pool_id in comparison.other_figures if comparison.looked else ():
        if {pool_id, _backend(pool_id)} & books.once_aside and not _known_report(comparison, pool_id):
            lost.add(pool_id)
    return frozenset(lost)


def _known_report(comparison: Comparison, pool_id: str) -> bool:
    figures, last = comparison.their_figures[pool_id], comparison.ours.reported[pool_id]
    return same_report(figures, last) or same_report(figures, comparison.replay.books.basis(last))


def _known_to_cinder(comparison: Comparison) -> Iterator[str]:
    theirs = comparison.theirs
    yield from theirs.figures
    yield from theirs.pools or ()
    for each in theirs.passes:
        for _, survivors in each.filters:
            yield from survivors


def _hidden(comparison: Comparison) -> frozenset[str]:
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


def _ignores_zone(comparison: Comparison) -> bool:
    """Whether Cinder does not read the zone of a new volume: its spec has it under one of the two names only."""
    if comparison.operation != "create_volume":
        return False
    spec = comparison.replay.spec_of(comparison.number)
    if not isinstance(spec, Mapping) or spec.get("resource_properties") or spec.get("availability_zones"):
        return False
    described = spec.get("volume_properties")
    return isinstance(described, Mapping) and bool(described.get("availability_zone"))


def _counts_by_cluster(comparison: Comparison) -> bool:
    """Whether volumes are counted that bear the cluster's name as their host."""
    names = {pool.pool_id for pool in comparison.ours.before.values() if pool.cluster_name}
    return any(names & set(request.facts.volume_counts) for request, _, _ in comparison.ours.asked)


def _as_cinder_asks(comparison: Comparison) -> Callable[[RequestSpec], RequestSpec]:
    clusters = {pool.pool_id for pool in comparison.ours.before.values() if pool.cluster_name}

    def other(request: RequestSpec) -> RequestSpec:
        if _ignores_zone(comparison):
            request = replace(request, zone=None)
        counts = {host: count for host, count in request.facts.volume_counts.items() if host not in clusters}
        return replace(request, facts=replace(request.facts, volume_counts=counts))

    return other


def _proved(comparison: Comparison) -> bool:
    """Whether all these causes together, and nothing else, made the difference."""
    lost = _lost(comparison)
    return comparison.reconciled(
        aside=_aside(comparison) | lost, hidden=_hidden(comparison) | lost, other=_as_cinder_asks(comparison)
    )


def _seen_otherwise(comparison: Comparison) -> frozenset[str]:
    """What follows from pools that were seen otherwise, proved."""
    return OUTCOME if PASSES in comparison.differing and _proved(comparison) else NOTHING


def _set_aside(comparison: Comparison) -> frozenset[str]:
    aside = _aside(comparison)
    if comparison.operation == "notify_capabilities":
        return frozenset({NOTIFICATIONS, FAILURE}) if _unusable_message(comparison) else NOTHING
    if not aside:
        return NOTHING
    explained = {KNOWN}
    if comparison.theirs.pools is not None and comparison.ours.answer.pools is not None:
        left = tuple(name for name in comparison.theirs.pools if name not in aside)
        explained |= {POOLS} if left == comparison.ours.answer.pools else set()
    if _proved(comparison):
        explained |= OUTCOME
    return frozenset(explained)


def _unusable_message(comparison: Comparison) -> bool:
    """Whether some pool of a capacity notification cannot be used."""
    if not comparison.differing & {NOTIFICATIONS, FAILURE}:
        return False
    failure = comparison.theirs.failure
    return (failure is None or not failure.meant) and _unusable(comparison, comparison.request)


def _unusable_somewhere(comparison: Comparison) -> bool:
    """Whether any report of the case cannot be used, or only by reading its text as a number."""
    reports = (*(comparison.case.get("capabilities") or ()), *comparison.case["requests"])
    return _figures_in_text(comparison) or any(
        _unusable(comparison, report) for report in reports if "capabilities" in report
    )


def _unusable(comparison: Comparison, message: Mapping[str, Any]) -> bool:
    ratio = str(comparison.case.get("config", {}).get("max_over_subscription_ratio", DEFAULT_RATIO))
    report = CapabilityReport(
        service_name="volume",
        host=str(message.get("backend") or message.get("host")),
        capabilities=decoded(message["capabilities"]),
        timestamp=comparison.replay.stage.clock.now,
    )
    return bool(pools_from(report, ServiceState(host=report.host), ratio).set_aside)


def _report_accident(comparison: Comparison) -> frozenset[str]:
    """One bad report stops every request in Cinder; here its pools are set aside, and nobody else notices."""
    failure = comparison.theirs.failure
    if comparison.operation in {"is_ready", "is_first_receive"}:
        return frozenset({VALUE}) & comparison.differing if comparison.replay.books.stalled else NOTHING
    if failure is None or failure.meant or FAILURE not in comparison.differing:
        return NOTHING
    if not (comparison.ours.set_aside or comparison.replay.books.lost or _unusable_somewhere(comparison)):
        return NOTHING
    if comparison.operation not in QUESTIONS:
        return frozenset({FAILURE})
    return OUTCOME | {POOLS} if _proved(comparison) else NOTHING


def _lost_report(comparison: Comparison) -> frozenset[str]:
    """A report that Cinder fails to compare with the one before is never stored; here the later one counts."""
    lost = _lost(comparison)
    if not lost:
        return NOTHING
    explained: set[str] = set()
    if {*comparison.theirs.figures} - lost == {*comparison.ours.before} - lost - _hidden(comparison):
        explained |= {KNOWN}
    if comparison.other_figures <= lost:
        explained |= {FIGURES_BEFORE}
    if comparison.theirs.pools is not None and comparison.ours.answer.pools is not None:
        theirs = [name for name in comparison.theirs.pools if name not in lost]
        ours = [name for name in comparison.ours.answer.pools if name not in lost]
        explained |= {POOLS} if theirs == ours else set()
    if _proved(comparison):
        explained |= OUTCOME
    return frozenset(explained) & comparison.differing


def _hidden_pools(comparison: Comparison) -> frozenset[str]:
    hidden = _hidden(comparison)
    return _seen_otherwise(comparison) if hidden else NOTHING


def _zone_counts(comparison: Comparison) -> frozenset[str]:
    return _seen_otherwise(comparison) if _ignores_zone(comparison) else NOTHING


def _cluster_counts(comparison: Comparison) -> frozenset[str]:
    return _seen_otherwise(comparison) if _counts_by_cluster(comparison) else NOTHING


# -- claims --------------------------------------------------------------------------------------------------------


def _shift(comparison: Comparison, pool_id: str) -> tuple[float, float]:
    """What Cinder and volsched hold back of a pool beyond its last report."""
    reported = comparison.ours.reported[pool_id].allocated_gb
    return comparison.their_figures[pool_id][1] - reported, comparison.ours.before[pool_id].allocated_gb - reported


def _on_last_report(comparison: Comparison, pool_id: str) -> bool:
    last = comparison.ours.reported[pool_id]
    return same_report(comparison.their_figures[pool_id], last) and comparison.replay.books.basis(last) is last


def _claim_held(comparison: Comparison, pool_id: str) -> bool:
    """volsched holds back room for a claim that Cinder has forgotten."""
    theirs, ours = _shift(comparison, pool_id)
    return _on_last_report(comparison, pool_id) and 0 <= theirs < ours


def _no_undo(comparison: Comparison, pool_id: str) -> bool:
    """Cinder has given back what was not taken, or not there any more."""
    theirs, ours = _shift(comparison, pool_id)
    return _on_last_report(comparison, pool_id) and theirs < 0 <= ours


def _late_report(comparison: Comparison, pool_id: str) -> bool:
    """Cinder goes on with an older report, for the last one is from before it took room; volsched counts it."""
    last = comparison.ours.reported[pool_id]
    basis = comparison.replay.books.basis(last)
    return basis is not last and same_report(comparison.their_figures[pool_id], basis)


def _held_besides(comparison: Comparison, pool_id: str) -> bool:
    """Cinder still holds the room of an earlier attempt at the very volume that is asked for."""
    spec = comparison.replay.spec_of(comparison.number)
    held = comparison.replay.books.held_for(spec.get("volume_id") if isinstance(spec, Mapping) else None)
    theirs, ours = _shift(comparison, pool_id)
    return held is not None and held[0] == pool_id and same_number(theirs - ours, held[1])


CLAIM_CAUSES = (_claim_held, _no_undo, _late_report, _held_besides)


def _by_claims(holds: Callable[[Comparison, str], bool]) -> Callable[[Comparison], frozenset[str]]:
    """A rule on figures: every pool that Cinder saw otherwise has one of the causes, and this one is among them."""

    def explains(comparison: Comparison) -> frozenset[str]:
        if not comparison.differing & {FIGURES_BEFORE, PASSES}:
            return NOTHING
        otherwise = comparison.their_pools.keys() - _lost(comparison)
        if not all(any(cause(comparison, name) for cause in CLAIM_CAUSES) for name in otherwise):
            return NOTHING
        if not any(holds(comparison, name) for name in otherwise):
            return NOTHING
        return (_seen_otherwise(comparison) | {FIGURES_BEFORE}) & comparison.differing

    return explains


def _never_over_commits(comparison: Comparison) -> frozenset[str]:
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


def _placed_once(comparison: Comparison) -> frozenset[str]:
    """Asked again for a volume that has its room, volsched answers with that room; Cinder takes more elsewhere."""
    spec = comparison.replay.spec_of(comparison.number)
    volume_id = spec.get("volume_id") if isinstance(spec, Mapping) else None
    held = comparison.replay.books.held_for(volume_id)
    if comparison.operation != "create_volume" or held is None or comparison.ours.answer.chosen != held[0]:
        return NOTHING
    return frozenset({CHOSEN, RETRY, TAKEN}) & comparison.differing


def _no_claim_without_volume(comparison: Comparison) -> frozenset[str]:
    """Cinder takes the room, then fails to write the volume's row, and keeps the room taken."""
    failure = comparison.theirs.failure
    if comparison.operation != "create_volume" or failure is None or comparison.theirs.chosen is None:
        return NOTHING
    return frozenset({CHOSEN}) if comparison.ours.answer.failure is not None else NOTHING


# -- requests that are refused, or served ---------------------------------------------------------------------------


def _refuses(field: str) -> Callable[[Comparison], frozenset[str]]:
    """A request that cannot be meant as it stands is refused, and told which field of it is wrong."""

    def explains(comparison: Comparison) -> frozenset[str]:
        problem = comparison.ours.problem
        if not isinstance(problem, InvalidRequest) or not problem.field.startswith(field):
            return NOTHING
        return OUTCOME & comparison.differing if FAILURE in comparison.differing else NOTHING

    return explains


def _refuses_hint(comparison: Comparison) -> frozenset[str]:
    """As above, of a hint that is bad by another judge than the one that refused it."""
    problem = comparison.ours.problem
    properties = comparison.replay.properties_of(comparison.number)
    if not isinstance(problem, InvalidRequest):
        return NOTHING
    field, _, name = problem.field.partition(".")
    if field != "scheduler_hints" or not bad_hint(properties.get("scheduler_hints"), name.partition(".")[0]):
        return NOTHING
    return OUTCOME & comparison.differing if FAILURE in comparison.differing else NOTHING


def _accident(
    *kinds: str, at: str | None, holds: Callable[[Comparison], bool]
) -> Callable[[Comparison], frozenset[str]]:
    """An error of Python's that left `at` this stage of Cinder's, where volsched answers."""

    def explains(comparison: Comparison) -> frozenset[str]:
        failure = comparison.theirs.failure
        if failure is None or failure.meant or failure.name not in kinds or failure.stage != at:
            return NOTHING
        if FAILURE not in comparison.differing or not holds(comparison):
            return NOTHING
        proved = comparison.operation in {"update_capabilities", "notify_capabilities"} or _proved(comparison)
        return OUTCOME | {POOLS, VALUE, NOTIFICATIONS} if proved else NOTHING

    return explains


def _always(comparison: Comparison) -> bool:
    return True


def _weighs_with(*names: str) -> Callable[[Comparison], bool]:
    def holds(comparison: Comparison) -> bool:
        asked = comparison.request.get("weighers") or comparison.case.get("config", {}).get(
            "scheduler_default_weighers", ("CapacityWeigher",)
        )
        return any(name in asked for name in names)

    return holds


def _weighs_by_lot(comparison: Comparison) -> bool:
    return "Stochastic" in str(comparison.case.get("config", {}).get("scheduler_weight_handler", ""))


def _own_timestamp(comparison: Comparison) -> bool:
    return any("timestamp" in pool for pool in _reported_pools(comparison.case))


def _reported_pools(case: Any) -> Iterator[Mapping[str, Any]]:
    for report in (*(case.get("capabilities") or ()), *case["requests"]):
        capabilities = report.get("capabilities")
        listed = capabilities.get("pools") if isinstance(capabilities, Mapping) else None
        for pool in listed if isinstance(listed, list) else ():
            if isinstance(pool, Mapping):
                yield pool


def _figures_in_text(comparison: Comparison) -> bool:
    """Whether some pool reports a number as text: Cinder reckons with some of these and trips over others."""
    return any(
        isinstance(pool.get(key), str) and pool[key] not in {"infinite", "unknown"}
        for pool in _reported_pools(comparison.case)
        for key in ("total_capacity_gb", "reserved_percentage")
    )


def _odd_pools_listed(comparison: Comparison) -> bool:
    """Whether some report of the case holds what is no list of complete pools."""
    for report in (*(comparison.case.get("capabilities") or ()), *comparison.case["requests"]):
        capabilities = report.get("capabilities")
        listed = capabilities.get("pools") if isinstance(capabilities, Mapping) else None
        if listed is not None and not isinstance(listed, list):
            return True
        if any(not isinstance(pool, Mapping) or len(pool.keys() & _COMPARED) < len(_COMPARED) for pool in listed or ()):
            return True
    return False


_COMPARED = frozenset(
    {
        "pool_name",
        "total_capacity_gb",
        "free_capacity_gb",
        "allocated_capacity_gb",
        "provisioned_capacity_gb",
        "thin_provisioning_support",
        "thick_provisioning_support",
        "max_over_subscription_ratio",
        "reserved_percentage",
    }
)


def _short_names(comparison: Comparison) -> frozenset[str]:
    """The names of entry points will do for weighers and filters, beside the names of their classes."""
    failure = comparison.theirs.failure
    if failure is None or failure.name not in {"SchedulerHostWeigherNotFound", "SchedulerHostFilterNotFound"}:
        return NOTHING
    return OUTCOME if comparison.ours.answer.failure is None or comparison.ours.asked else NOTHING


def _backend(pool_id: str) -> str:
    return pool_id.partition("#")[0]


RULES: tuple[Rule, ...] = (
    Rule("unusable-reports", ("H12", "H16", "W07"), _set_aside),
    Rule("one-bad-report-stops-nobody", ("H01", "H02", "H03"), _report_accident),
    Rule("pools-that-hide-one-another", ("H04",), _hidden_pools),
    Rule("zone-of-a-new-volume", ("F06",), _zone_counts),
    Rule("volumes-of-a-cluster", ("W08",), _cluster_counts),
    Rule("claims-outlive-reports", ("H06", "H07", "H28", "H34"), _by_claims(_claim_held)),
    Rule("nothing-is-given-back-twice", ("H06", "H22"), _by_claims(_no_undo)),
    Rule("late-reports-count", ("H07", "H09"), _by_claims(_late_report)),
    Rule("a-volume-is-placed-once", ("H06",), _placed_once),
    Rule("room-moves-with-its-volume", ("H06",), _by_claims(_held_besides)),
    Rule("reports-are-not-lost", ("H01", "H02", "H12"), _lost_report),
    Rule("never-over-commit", ("F02", "F18"), _never_over_commits),
    Rule("no-claim-without-a-volume", ("H08",), _no_claim_without_volume),
    Rule("volumes-are-named", ("H08", "F14"), _refuses("volume_id")),
    Rule("sizes-are-whole", (), _refuses("volume_properties.size")),
    Rule("hints-are-checked", ("F09", "F10"), _refuses_hint),
    Rule("retry-records-are-checked", (), _refuses("filter_properties.retry")),
    Rule("extra-specs-are-checked", ("F07",), _refuses("extra_specs")),
    Rule(
        "odd-extra-specs-match-nothing",
        ("F07",),
        _accident("TypeError", "IndexError", "AttributeError", at="filter:CapabilitiesFilter", holds=_always),
    ),
    Rule(
        "full-thin-pools-are-full", ("F01",), _accident("ZeroDivisionError", at="filter:CapacityFilter", holds=_always)
    ),
    Rule(
        "query-of-no-hints",
        ("F09",),
        _accident("TypeError", "AttributeError", at="filter:JsonFilter", holds=_always),
    ),
    Rule(
        "unbounded-pools-weigh-alike",
        ("W01",),
        _accident("ValueError", at="weigh", holds=_weighs_with("CapacityWeigher")),
    ),
    Rule("goodness-is-a-number", ("W03",), _accident("TypeError", at="weigh", holds=_weighs_with("GoodnessWeigher"))),
    Rule("a-lottery-of-nobody", ("W06",), _accident("AssertionError", at="weigh", holds=_weighs_by_lot)),
    Rule(
        "pools-for-a-type",
        ("F05",),
        _accident("TypeError", at="filter:CapacityFilter", holds=lambda each: each.operation == "get_pools"),
    ),
    Rule(
        "notifications-of-unknown-capacity",
        ("H33",),
        _accident("KeyError", at=None, holds=lambda each: each.operation == "notify_capabilities"),
    ),
    Rule(
        "odd-lists-of-pools",
        ("H01", "H12"),
        _accident(
            "KeyError",
            "TypeError",
            at=None,
            holds=lambda each: (
                each.operation in {"notify_capabilities", "update_capabilities"} and _odd_pools_listed(each)
            ),
        ),
    ),
    Rule("stamps-of-pools", ("H18",), _accident("TypeError", at=None, holds=_own_timestamp)),
    Rule("names-of-plugins", ("F15",), _short_names),
)

#: Differences that are no matter of one request: a configuration that Cinder starts with, and bounds on expressions.
START = "plugins-are-found-at-start"
EXPRESSION_LIMITS = "expressions-are-bounded"
TRAPS: Mapping[str, tuple[str, ...]] = {
    **{rule.name: rule.traps for rule in RULES},
    START: ("F15",),
    EXPRESSION_LIMITS: ("E11",),
}


def explaining(comparison: Comparison) -> tuple[tuple[Rule, ...], frozenset[str]]:
    """The rules that explain a difference or a part of it, and the aspects that none explains."""
    left = comparison.differing
    matching = []
    for rule in RULES:
        explained = rule.explains(comparison)
        if explained & comparison.differing:
            matching.append(rule)
            left -= explained
    return tuple(matching), left
