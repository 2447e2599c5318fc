"""Golden files, case by case: what agrees, what differs on purpose, and what nobody can explain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tools.parity.answers import Answer, Failure, failure_of, recorded_answers
from tools.parity.cases import Case
from tools.parity.comparing import Comparison
from tools.parity.differences import EXPRESSION_LIMITS, START, explaining
from tools.parity.expressions import beyond_limits, evaluated, recorded_value, same_value
from tools.parity.replay import Replay


class Verdict(Enum):
    """What became of one request."""

    AGREES = "agrees"
    DELIBERATE = "deliberate"
    UNEXPLAINED = "unexplained"
    WRONG_RULE = "wrong rule"  # a rule claims to explain what does not differ


@dataclass(frozen=True, slots=True)
class Finding:
    """One request of one case."""

    case: str
    request: str
    verdict: Verdict
    theirs: str = ""
    ours: str = ""
    rules: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()  # those that nobody can explain, of an unexplained difference

    def line(self) -> str:
        """The difference in one line."""
        parts = [self.case, self.request, f"Cinder: {self.theirs}", f"volsched: {self.ours}"]
        if self.verdict is Verdict.DELIBERATE:
            parts.append(f"deliberate: {', '.join(self.rules)}")
        elif self.verdict is Verdict.WRONG_RULE:
            parts.append(f"error of a rule, for both agree: {', '.join(self.rules)}")
        else:
            parts.append(f"unexplained: {', '.join(self.aspects)}")
        return " · ".join(" ".join(part.split()) for part in parts)

    def plain(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "request": self.request,
            "verdict": self.verdict.value,
            "cinder": self.theirs,
            "volsched": self.ours,
            "rules": list(self.rules),
            "aspects": list(self.aspects),
        }


@dataclass
class Tally:
    """The findings counted."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        self.counts[finding.verdict] += 1
        if finding.verdict is Verdict.DELIBERATE:
            self.by_rule.update(finding.rules)

    @property
    def wrong(self) -> int:
        """What must be 0: unexplained differences, and rules that claim too much."""
        return self.counts[Verdict.UNEXPLAINED] + self.counts[Verdict.WRONG_RULE]

    def line(self) -> str:
        agree, deliberate = self.counts[Verdict.AGREES], self.counts[Verdict.DELIBERATE]
        total = sum(self.counts.values())
        said = (
            f"{agree} of {total} requests agree, {deliberate} deliberate differences, "
            f"{self.counts[Verdict.UNEXPLAINED]} unexplained"
        )
        rules = self.counts[Verdict.WRONG_RULE]
        return f"{said}, {rules} errors of rules" if rules else said


def findings(case: Case) -> Iterator[Finding]:
    """What volsched makes of each request of a case, or of its expression."""
    if "expr" in case:
        yield _expression(case)
        return
    replay = Replay(case)
    recorded = failure_of(case["expected"].get("init_error"))
    if recorded is not None or replay.start_failure is not None:
        yield from _start(case, recorded, replay.start_failure)
        return
    draws = 0
    for number, (request, theirs) in enumerate(zip(case["requests"], recorded_answers(case), strict=True)):
        ours = replay.step(request, draws_before=draws)
        draws += theirs.draws
        comparison = Comparison(case, number, request, theirs, ours, replay)
        try:
            yield _judged(comparison)
            replay.follow(request, theirs, comparison.taken_gb, looked=comparison.looked)
        except Exception as problem:  # noqa: BLE001 - a record beyond understanding is told, and the run goes on
            yield _beyond(comparison, problem)
            return


def _judged(comparison: Comparison) -> Finding:
    rules, left = explaining(comparison)
    if not comparison.differing:
        verdict = Verdict.WRONG_RULE if rules else Verdict.AGREES
    else:
        verdict = Verdict.UNEXPLAINED if left else Verdict.DELIBERATE
    return Finding(
        case=str(comparison.case.get("id")),
        request=f"{comparison.number} {comparison.operation}",
        verdict=verdict,
        theirs=_said(comparison.theirs, comparison),
        ours=_said(comparison.ours.answer, comparison),
        rules=tuple(rule.name for rule in rules),
        aspects=tuple(sorted(left)),
    )


def _beyond(comparison: Comparison, problem: Exception) -> Finding:
    """A record that the comparison itself trips over; the rest of its case is left out."""
    return Finding(
        case=str(comparison.case.get("id")),
        request=f"{comparison.number} {comparison.operation}",
        verdict=Verdict.UNEXPLAINED,
        theirs=comparison.theirs.said(),
        ours=f"cannot be compared: {type(problem).__name__}: {problem}",
        aspects=("comparison",),
    )


def _said(answer: Answer, comparison: Comparison) -> str:
    """The answer, and what else is different where the answers read the same."""
    said = answer.said()
    if comparison.differing and comparison.theirs.said() == comparison.ours.answer.said():
        said += f" (differs in {', '.join(sorted(comparison.differing))})"
    return said


def _start(case: Case, recorded: Failure | None, failure: Failure | None) -> Iterator[Finding]:
    """A configuration that one of the two, or both, do not start with."""
    both = recorded is not None and failure is not None
    agrees = both and (recorded.name == failure.name or not recorded.meant) if recorded and failure else False
    known = not agrees and failure is not None and recorded is None and _fails_later(case, failure)
    yield Finding(
        case=str(case.get("id")),
        request="start",
        verdict=Verdict.AGREES if agrees else Verdict.DELIBERATE if known else Verdict.UNEXPLAINED,
        theirs=f"{recorded.name}: {recorded.message}"[:160] if recorded else "starts",
        ours=f"{failure.name}: {failure.message}"[:160] if failure else "starts",
        rules=(START,) if known else (),
        aspects=() if agrees or known else ("start",),
    )


def _fails_later(case: Case, failure: Failure) -> bool:
    """Whether Cinder starts, and then fails with every request that needs what volsched missed at once."""
    return any(answer.failure is not None and answer.failure.name == failure.name for answer in recorded_answers(case))


def _expression(case: Case) -> Finding:
    theirs, ours = recorded_value(case), evaluated(case)
    verdict = Verdict.AGREES
    if not same_value(theirs, ours):
        verdict = Verdict.DELIBERATE if beyond_limits(theirs, ours) else Verdict.UNEXPLAINED
    return Finding(
        case=str(case.get("id")),
        request=str(case["expr"])[:80],
        verdict=verdict,
        theirs=theirs.said(),
        ours=ours.said(),
        rules=(EXPRESSION_LIMITS,) if verdict is Verdict.DELIBERATE else (),
        aspects=("value",) if verdict is Verdict.UNEXPLAINED else (),
    )
