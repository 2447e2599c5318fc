"""Execution of all checks, in order. A check that fails is itself a finding."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from volsched.exceptions import DatabaseUnavailable
from volsched.loader import LoadProblems, Problem
from volsched.ops.doctor import (
    configuration,
    expressions,
    packages,
    placement,
    plugin_trials,
    runtime,
)
from volsched.ops.doctor.context import DoctorContext

LOG = logging.getLogger(__name__)

#: The number of warnings of one check that are shown; the rest is counted.
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem, and the check that found it."""

    check: str
    problem: Problem


#: The checks, in order.
CHECKS: tuple[tuple[str, Callable[[DoctorContext], Iterable[Problem]]], ...] = (
    ("configuration", configuration.problems),
    ("packages", packages.unmet),
    ("installed files", packages.damaged),
    ("database", configuration.database),
    ("message bus", configuration.transport),
    ("plugins", plugin_trials.problems),
    ("backends", runtime.down),
    ("reports", runtime.set_aside),
    ("clocks", runtime.clocks),
    ("storage", runtime.storage),
    ("expressions", expressions.problems),
    ("volume types", placement.unserved),
    ("profiles", placement.profiles),
    ("filters and weighers", placement.idle),
    ("events", runtime.parked),
    ("work", runtime.stuck),
)


def diagnose(context: DoctorContext, *, progress: Callable[[str], None] = lambda check: None) -> Iterator[Finding]:
    """Yield all findings. `progress` is called with the name of each check before it runs."""
    for name, check in CHECKS:
        progress(name)
        for problem in _first(_run(name, check, context)):
            yield Finding(check=name, problem=problem)


def _run(name: str, check: Callable[[DoctorContext], Iterable[Problem]], context: DoctorContext) -> Iterator[Problem]:
    try:
        yield from check(context)
    except LoadProblems:  # the check of plugins names them
        return
    except DatabaseUnavailable as problem:  # it was available when the diagnosis began
        yield _failed(name, str(problem))
    except Exception as problem:  # a check that fails must not hide the findings of the others
        LOG.debug("the check of %s failed", name, exc_info=True)
        yield _failed(name, f"{type(problem).__name__}: {problem}")


def _failed(name: str, what: str) -> Problem:
    where = f"the check of {name}"
    return Problem(
        code="VS219",
        where=where,
        what=f"the check failed: {what}",
        fix="run it again, or report the error",
    )


def _first(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the first problems of each code, and the number of the others."""
    counts: dict[str, int] = {}
    last: dict[str, Problem] = {}
    for problem in problems:
        counts[problem.code] = counts.get(problem.code, 0) + 1
        last[problem.code] = problem
        if counts[problem.code] <= SHOWN or problem.fatal:
            yield problem
    for code, count in counts.items():
        if count > SHOWN and not last[code].fatal:
            what = f"{count - SHOWN} more of the same kind are not shown"
            yield Problem(code=code, where="and others", what=what, fix="fix these first", fatal=False)
