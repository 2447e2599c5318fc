"""Every check, one after the other; one that fails is itself a finding."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from volsched.exceptions import DatabaseUnavailable
from volsched.loader import Problem
from volsched.ops.doctor import (
    backends,
    configuration,
    events,
    expressions,
    packages,
    placement,
    plugin_trials,
    work,
)
from volsched.ops.doctor.context import DoctorContext

LOG = logging.getLogger(__name__)

#: So many findings of one check are shown; the rest is counted.
MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem, and which check found it."""

    check: str
    problem: Problem


#: What is looked at, in this order.
CHECKS: tuple[tuple[str, Callable[[DoctorContext], Iterable[Problem]]], ...] = (
    ("configuration", configuration.problems),
    ("packages", packages.unmet),
    ("installed files", packages.damaged),
    ("database", configuration.database),
    ("message bus", configuration.transport),
    ("plugins", plugin_trials.problems),
    ("backends", backends.down),
    ("reports", backends.set_aside),
    ("clocks", backends.clocks),
    ("expressions", expressions.problems),
    ("volume types", placement.unserved),
    ("profiles", placement.profiles),
    ("filters and weighers", placement.idle),
    ("events", events.parked),
    ("work", work.stuck),
)


def diagnose(scene: DoctorContext, *, progress: Callable[[str], None] = lambda check: None) -> Iterator[Finding]:
    """Everything that is wrong. `progress` is told each check before it is made."""
    for name, check in CHECKS:
        progress(name)
        for problem in _first(_carried_out(name, check, scene)):
            yield Finding(check=name, problem=problem)


def _carried_out(
    name: str, check: Callable[[DoctorContext], Iterable[Problem]], scene: DoctorContext
) -> Iterator[Problem]:
    try:
        yield from check(scene)
    except DatabaseUnavailable as problem:  # it was there a moment ago
        yield _failed(name, str(problem))
    except Exception as problem:  # a check that fails must not hide what the others find
        LOG.debug("the check of %s failed", name, exc_info=True)
        yield _failed(name, f"{type(problem).__name__}: {problem}")


def _failed(name: str, what: str) -> Problem:
    where = f"the check of {name}"
    return Problem(code="VS219", where=where, what=f"it could not be made: {what}", fix="try again; else report it")


def _first(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first ones of each code, and how many more there are."""
    counts: dict[str, int] = {}
    last: dict[str, Problem] = {}
    for problem in problems:
        counts[problem.code] = counts.get(problem.code, 0) + 1
        last[problem.code] = problem
        if counts[problem.code] <= MOST or problem.fatal:
            yield problem
    for code, count in counts.items():
        if count > MOST and not last[code].fatal:
            what = f"{count - MOST} more of the same kind are not shown"
            yield Problem(code=code, where="and others", what=what, fix="fix these first", fatal=False)
