"""The intended differences from Cinder, one rule per cause (doc/reference/differences-from-cinder.rst).

A rule names the aspects of a difference that its cause explains, and none where the answers agree. Causes that change
which pools are seen, or how, are proved: asked again with the pools as Cinder saw them, volsched must decide as
Cinder did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.parity import holding, refusing, reports, seeing
from tools.parity.comparing import Comparison


@dataclass(frozen=True, slots=True)
class Rule:
    """One deliberate difference. `name` is that of its entry in the documentation; `traps` are Cinder's."""

    name: str
    traps: tuple[str, ...]
    explains: Callable[[Comparison], frozenset[str]]


RULES: tuple[Rule, ...] = (
    Rule("unusable-reports", ("H12", "H16", "W07"), seeing.set_aside),
    Rule("one-bad-report-stops-nobody", ("H01", "H02", "H03"), seeing.report_accident),
    Rule("backends-keep-their-order", ("H03", "H11"), seeing.another_order),
    Rule("pools-that-hide-one-another", ("H04",), seeing.hiding),
    Rule("zone-of-a-new-volume", ("F06",), seeing.zone_counts),
    Rule("volumes-of-a-cluster", ("W08",), seeing.cluster_counts),
    Rule("claims-outlive-reports", ("H06", "H07", "H28", "H34"), holding.by_claims(holding.claim_held)),
    Rule("nothing-is-given-back-twice", ("H06", "H22"), holding.by_claims(holding.no_undo)),
    Rule("late-reports-count", ("H07", "H09"), holding.by_claims(holding.late_report)),
    Rule("a-volume-is-placed-once", ("H06",), holding.placed_once),
    Rule("room-moves-with-its-volume", ("H06",), holding.by_claims(holding.held_besides)),
    Rule("reports-are-not-lost", ("H01", "H02", "H12"), seeing.lost_report),
    Rule("never-over-commit", ("F02", "F18"), holding.never_over_commits),
    Rule("no-claim-without-a-volume", ("H08",), holding.no_claim_without_volume),
    Rule("volumes-are-named", ("H08", "F14"), refusing.refuses("volume_id")),
    Rule("sizes-are-whole", (), refusing.refuses("volume_properties.size")),
    Rule("hints-are-checked", ("F09", "F10"), refusing.refuses_hint),
    Rule("retry-records-are-checked", (), refusing.refuses("filter_properties.retry")),
    Rule("extra-specs-are-checked", ("F07",), refusing.refuses("extra_specs")),
    Rule(
        "odd-extra-specs-match-nothing",
        ("F07",),
        refusing.accident(
            "TypeError", "IndexError", "AttributeError", at="filter:CapabilitiesFilter", holds=refusing.always
        ),
    ),
    Rule(
        "full-thin-pools-are-full",
        ("F01",),
        refusing.accident("ZeroDivisionError", at="filter:CapacityFilter", holds=refusing.always),
    ),
    Rule(
        "query-of-no-hints",
        ("F09",),
        refusing.accident("TypeError", "AttributeError", at="filter:JsonFilter", holds=refusing.always),
    ),
    Rule(
        "unbounded-pools-weigh-alike",
        ("W01",),
        refusing.accident("ValueError", at="weigh", holds=refusing.weighs_with("CapacityWeigher")),
    ),
    Rule(
        "goodness-is-a-number",
        ("W03",),
        refusing.accident("TypeError", at="weigh", holds=refusing.weighs_with("GoodnessWeigher")),
    ),
    Rule(
        "a-lottery-of-nobody", ("W06",), refusing.accident("AssertionError", at="weigh", holds=refusing.weighs_by_lot)
    ),
    Rule(
        "pools-for-a-type",
        ("F05",),
        refusing.accident("TypeError", at="filter:CapacityFilter", holds=lambda each: each.operation == "get_pools"),
    ),
    Rule(
        "notifications-of-unknown-capacity",
        ("H33",),
        refusing.accident("KeyError", at=None, holds=lambda each: each.operation == "notify_capabilities"),
    ),
    Rule(
        "odd-lists-of-pools",
        ("H01", "H12"),
        refusing.accident(
            "KeyError",
            "TypeError",
            at=None,
            holds=lambda each: (
                each.operation in {"notify_capabilities", "update_capabilities"} and reports.odd_pools_listed(each)
            ),
        ),
    ),
    Rule(
        "functions-without-a-type",
        ("H21",),
        refusing.accident("AttributeError", at="filter:DriverFilter", holds=refusing.always),
    ),
    Rule("stamps-of-pools", ("H18",), refusing.accident("TypeError", at=None, holds=reports.own_timestamp)),
    Rule("names-of-plugins", ("F15",), refusing.short_names),
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
    """The rules that explain a difference or a part of it, and the aspects that none explains.

    Where the answers agree no rule may match; the ones returned then are wrong. An accident of volsched's own is never
    explained.
    """
    differing = comparison.differing
    failure = comparison.ours.answer.failure
    if failure is not None and not failure.meant:
        return (), differing
    explained = {rule: rule.explains(comparison) for rule in RULES}
    matching = tuple(rule for rule, aspects in explained.items() if aspects & differing or (aspects and not differing))
    return matching, differing.difference(*explained.values())
