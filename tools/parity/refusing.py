"""Causes that lie in the request: what volsched refuses, and what it serves where Cinder trips."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.parity.comparing import FAILURE, NOTIFICATIONS, POOLS, VALUE, Comparison
from tools.parity.hints import bad_hint
from tools.parity.seeing import NOTHING, OUTCOME, proved
from volsched.exceptions import InvalidRequest


def refuses(field: str) -> Callable[[Comparison], frozenset[str]]:
    """A request that cannot be meant as it stands is refused, and told which field of it is wrong."""

    def explains(comparison: Comparison) -> frozenset[str]:
        problem = comparison.ours.problem
        if not isinstance(problem, InvalidRequest) or not problem.field.startswith(field):
            return NOTHING
        return OUTCOME & comparison.differing if FAILURE in comparison.differing else NOTHING

    return explains


def refuses_hint(comparison: Comparison) -> frozenset[str]:
    """As above, of a hint that is bad by another judge than the one that refused it."""
    problem = comparison.ours.problem
    properties = comparison.replay.properties_of(comparison.number)
    if not isinstance(problem, InvalidRequest):
        return NOTHING
    field, *names = re.split(r"[.\[]", problem.field)
    if field != "scheduler_hints" or not bad_hint(properties.get("scheduler_hints"), names[0] if names else ""):
        return NOTHING
    return OUTCOME & comparison.differing if FAILURE in comparison.differing else NOTHING


def accident(
    *kinds: str, at: str | None, holds: Callable[[Comparison], bool]
) -> Callable[[Comparison], frozenset[str]]:
    """An error of Python's that left `at` this stage of Cinder's, where volsched answers."""

    def explains(comparison: Comparison) -> frozenset[str]:
        failure = comparison.theirs.failure
        if failure is None or failure.meant or failure.name not in kinds or failure.stage != at:
            return NOTHING
        if FAILURE not in comparison.differing or not holds(comparison):
            return NOTHING
        fits = comparison.operation in {"update_capabilities", "notify_capabilities"} or proved(comparison)
        return OUTCOME | {POOLS, VALUE, NOTIFICATIONS} if fits else NOTHING

    return explains


def always(comparison: Comparison) -> bool:
    return True


def weighs_with(*names: str) -> Callable[[Comparison], bool]:
    def holds(comparison: Comparison) -> bool:
        asked = comparison.request.get("weighers") or comparison.case.get("config", {}).get(
            "scheduler_default_weighers", ("CapacityWeigher",)
        )
        return any(name in asked for name in names)

    return holds


def weighs_by_lot(comparison: Comparison) -> bool:
    return "Stochastic" in str(comparison.case.get("config", {}).get("scheduler_weight_handler", ""))


def short_names(comparison: Comparison) -> frozenset[str]:
    """The names of entry points will do for weighers and filters, beside the names of their classes."""
    failure = comparison.theirs.failure
    if failure is None or failure.name not in {"SchedulerHostWeigherNotFound", "SchedulerHostFilterNotFound"}:
        return NOTHING
    return OUTCOME if comparison.ours.answer.failure is None or comparison.ours.asked else NOTHING
