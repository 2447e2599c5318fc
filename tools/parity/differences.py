"""The intended differences from Cinder, one rule per cause (doc/reference/differences-from-cinder.rst).

A rule returns the aspects of a difference that its cause explains, and none where the answers agree. A cause that
changes which pools are considered is verified: with the pools as Cinder had them, volsched must decide as Cinder did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.parity import holding, refusing, reports, seeing
from tools.parity.comparing import Comparison


@dataclass(frozen=True, slots=True)
class Rule:
    """One deliberate difference. `name` is the title of its entry in the documentation."""

    name: str
    explains: Callable[[Comparison], frozenset[str]]


RULES: tuple[Rule, ...] = (
    Rule("unusable-reports", seeing.set_aside),
    Rule("one-bad-report-stops-nobody", seeing.report_accident),
    Rule("backends-keep-their-order", seeing.another_order),
    Rule("pools-that-hide-one-another", seeing.hiding),
    Rule("zone-of-a-new-volume", seeing.zone_counts),
    Rule("volumes-of-a-cluster", seeing.cluster_counts),
    Rule("claims-outlive-reports", holding.by_claims(holding.claim_held)),
    Rule("nothing-is-given-back-twice", holding.by_claims(holding.no_undo)),
    Rule("late-reports-count", holding.by_claims(holding.late_report)),
    Rule("a-volume-is-placed-once", holding.placed_once),
    Rule("room-moves-with-its-volume", holding.by_claims(holding.held_besides)),
    Rule("reports-are-not-lost", seeing.lost_report),
    Rule("never-over-commit", holding.never_over_commits),
    Rule("no-claim-without-a-volume", holding.no_claim_without_volume),
    Rule("volumes-are-named", refusing.refuses("request_spec.volume_id")),
    Rule("sizes-are-whole", refusing.refuses("volume_properties.size")),
    Rule("hints-are-checked", refusing.refuses_hint),
    Rule("retry-records-are-checked", refusing.refuses("filter_properties.retry")),
    Rule("extra-specs-are-checked", refusing.refuses("extra_specs")),
    Rule(
        "odd-extra-specs-match-nothing",
        refusing.accident(
            "TypeError", "IndexError", "AttributeError", at="filter:CapabilitiesFilter", holds=refusing.always
        ),
    ),
    Rule(
        "full-thin-pools-are-full",
        refusing.accident("ZeroDivisionError", at="filter:CapacityFilter", holds=refusing.always),
    ),
    Rule(
        "query-of-no-hints",
        refusing.accident("TypeError", "AttributeError", at="filter:JsonFilter", holds=refusing.always),
    ),
    Rule(
        "unbounded-pools-weigh-alike",
        refusing.accident("ValueError", at="weigh", holds=refusing.weighs_with("CapacityWeigher")),
    ),
    Rule(
        "goodness-is-a-number",
        refusing.accident("TypeError", at="weigh", holds=refusing.weighs_with("GoodnessWeigher")),
    ),
    Rule("a-lottery-of-nobody", refusing.accident("AssertionError", at="weigh", holds=refusing.weighs_by_lot)),
    Rule(
        "pools-for-a-type",
        refusing.accident("TypeError", at="filter:CapacityFilter", holds=lambda each: each.operation == "get_pools"),
    ),
    Rule(
        "notifications-of-unknown-capacity",
        refusing.accident("KeyError", at=None, holds=lambda each: each.operation == "notify_capabilities"),
    ),
    Rule(
        "odd-lists-of-pools",
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
        refusing.accident("AttributeError", at="filter:DriverFilter", holds=refusing.always),
    ),
    Rule("stamps-of-pools", refusing.accident("TypeError", at=None, holds=reports.own_timestamp)),
    Rule("names-of-plugins", refusing.short_names),
)

#: Entries without a rule, because they do not concern one request: plugins found at start, bounds of expressions.
START = "plugins-are-found-at-start"
EXPRESSION_LIMITS = "expressions-are-bounded"
ENTRIES = frozenset({*(rule.name for rule in RULES), START, EXPRESSION_LIMITS})


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
