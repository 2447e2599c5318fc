"""A stored decision as text: each pool with the result of each filter, each score, and the order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from volsched.cli.table import number, text_table

MOST_POOLS = 40
PASSED, REJECTED, NOT_EVALUATED = "yes", "NO", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The results of one pool."""

    pool: str
    passed: int  # the number of filters that it passed
    why: str = ""  # the reason of the filter that rejected it
    scores: Mapping[str, str] = field(default_factory=dict)
    total: str = ""
    place: str = ""


def explain(decision: Mapping[str, Any]) -> list[str]:
    """Return the lines of the text. `decision` is the stored `Decision.plain()`, or the owner's part of it."""
    if "message" in decision:  # the owner's part
        return [f"Decision: {decision['message']}"]
    filters = decision.get("filters") or []
    lines = [f"Decision: {_outcome(decision)}", *_profile(decision), *_counts(decision, filters)]
    lines += [*_remarks(decision), ""]
    pools = [*_ranked(decision), *_rejected(filters)]
    if pools:
        lines += text_table(_header(decision), [_row(decision, line) for line in pools[:MOST_POOLS]])
    left_out = _number_of_pools(decision) - min(len(pools), MOST_POOLS)
    if left_out > 0:
        lines.append(f"  and {left_out} more pools (-f json shows every one that was kept)")
    lines += _reasons(filters, pools[:MOST_POOLS])
    lines += _section("Not considered", decision.get("set_aside"), "name")
    return lines


def _remarks(decision: Mapping[str, Any]) -> list[str]:
    """Return the scheduler driver's remarks that have a text for people."""
    remarks = (decision.get("remarks") or {}).values()
    return [f"  {remark['text']}" for remark in remarks if isinstance(remark, Mapping) and remark.get("text")]


def _outcome(decision: Mapping[str, Any]) -> str:
    chosen = decision.get("chosen")
    ranked = decision.get("ranked") or []
    wanted = f"{decision.get('wanted_gb', 0):.12g} GiB"
    if chosen:
        return f"{wanted} on {chosen}"
    if ranked:
        return f"{wanted} would go to {ranked[0]['pool']}"
    return f"no pool for {wanted}"


def _profile(decision: Mapping[str, Any]) -> list[str]:
    profile = decision.get("profile")
    return [f"Profile: {profile}, selected by the volume type"] if profile else []


def _counts(decision: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the number of pools that each filter rejected, if no pool is left."""
    if decision.get("ranked"):
        return []
    counts = [
        f"  {step['filter']} rejected {step['rejected_count']} of {step['considered']}"
        for step in filters
        if step["rejected_count"]
    ]
    return counts or [f"  {decision.get('reason', 'nothing fits')}"]


def _number_of_pools(decision: Mapping[str, Any]) -> int:
    rejected = sum(step["rejected_count"] for step in decision.get("filters") or [])
    return int(decision.get("ranked_count", 0) + rejected)


def _ranked(decision: Mapping[str, Any]) -> Iterator[_Line]:
    lost = set(decision.get("conflicts") or [])
    for place, entry in enumerate(decision.get("ranked") or [], start=1):
        pool = entry["pool"]
        notes = [ordinal(place)]
        if pool in lost:
            notes.append("claimed by another request meanwhile")
        if pool == decision.get("chosen"):
            notes.append("chosen")
        scores = {
            step["weigher"]: _score(step["weights"][pool])
            for step in decision.get("weighers") or []
            if pool in step["weights"]
        }
        yield _Line(
            pool=pool,
            passed=len(decision.get("filters") or []),
            scores=scores,
            total=_number(entry["weight"], 3),
            place=", ".join(notes),
        )


def _rejected(filters: Sequence[Mapping[str, Any]]) -> Iterator[_Line]:
    """Yield the rejected pools, those that passed the most filters first."""
    for at in range(len(filters) - 1, -1, -1):
        for entry in filters[at]["rejected"]:
            yield _Line(pool=entry["pool"], passed=at, why=entry["why"])


def _header(decision: Mapping[str, Any]) -> list[str]:
    weighers = [f"{step['weigher']} x{step['multiplier']:g}" for step in decision.get("weighers") or []]
    return ["Pool", *(step["filter"] for step in decision.get("filters") or []), *weighers, "total", "order"]


def _row(decision: Mapping[str, Any], line: _Line) -> list[str]:
    count = len(decision.get("filters") or [])
    verdicts = [PASSED] * line.passed + [REJECTED, *[NOT_EVALUATED] * count][: count - line.passed]
    scores = [line.scores.get(step["weigher"], "") for step in decision.get("weighers") or []]
    return [line.pool, *verdicts, *scores, line.total, line.place]


def _reasons(filters: Sequence[Mapping[str, Any]], pools: Sequence[_Line]) -> list[str]:
    rejected = [line for line in pools if line.why]
    if not rejected:
        return []
    rows = [[line.pool, filters[line.passed]["filter"], line.why] for line in rejected]
    return ["", "Rejected", *text_table(["Pool", "by", "because"], rows)]


def _section(title: str, entries: Sequence[Mapping[str, Any]] | None, name: str) -> list[str]:
    if not entries:
        return []
    return ["", title, *text_table(["Name", "because"], [[entry[name], entry["why"]] for entry in entries])]


def _score(weight: Mapping[str, Any]) -> str:
    return f"{_number(weight['raw'], 2)} -> {_number(weight['share'], 3)}"


def _number(value: float | None, decimals: int) -> str:
    return "unbounded" if value is None else number(value, decimals)


def ordinal(place: int) -> str:
    """Return 1st, 2nd, 3rd, 4th…"""
    if place % 100 in (11, 12, 13):
        return f"{place}th"
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th') }"
