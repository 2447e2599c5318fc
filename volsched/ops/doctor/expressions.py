"""Checks of what backends report: expressions, and capabilities that extra specs ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from volsched.exceptions import ExpressionError, InvalidRequest
from volsched.loader import Problem
from volsched.model.pool import PoolState
from volsched.model.request import VolumeType
from volsched.ops.doctor.context import DoctorContext, warning

FUNCTIONS = ("filter_function", "goodness_function")


def problems(scene: DoctorContext) -> Iterator[Problem]:
    """Expressions that cannot be used or mean two things, and extra specs that no pool meets."""
    if not scene.stored:
        return
    yield from of_expressions(scene.reported_pools, scene.conf.scheduler.expression_dialect)
    yield from of_types(scene.reported_pools, scene.types)


def of_expressions(pools: Iterable[PoolState], dialect: str) -> Iterator[Problem]:
    """Each distinct expression once, with the first pool that reports it."""
    from volsched.languages.expressions import compile_expression, meanings_differ

    seen: set[str] = set()
    for pool in pools:
        for function in FUNCTIONS:
            text = getattr(pool, function)
            if text is None or text in seen:
                continue
            seen.add(text)
            where = f"{function} of {pool.pool_id}"
            try:
                compile_expression(text, dialect)
            except ExpressionError as error:
                fix = f"fix it in the backend's configuration, or read it in the other dialect ({dialect} is set)"
                yield warning("VS113", where, str(error), fix)
            example = meanings_differ(text)
            if example is not None:
                what = f"{text[:120]!r} means different things to Cinder and to volsched: {example}"
                fix = f"write it so that both agree; [scheduler] expression_dialect = {dialect} decides meanwhile"
                yield warning("VS126", where, what, fix)


def of_types(pools: Sequence[PoolState], types: Iterable[VolumeType]) -> Iterator[Problem]:
    """Extra specs that no pool meets, each by itself: their types cannot be served."""
    from volsched.languages import extra_specs
    from volsched.model.columns import NOT_REPORTED

    for volume_type in types:
        for key, text in volume_type.extra_specs.items():
            path = extra_specs.path_of(key)
            if path is None or not pools:
                continue
            where = f"volume type {volume_type.name}, extra spec {key}"
            try:
                requirement = extra_specs.requirement_from(text, key)
            except InvalidRequest as error:
                yield warning("VS118", where, error.problem, "make the type anew with another value")
                continue
            values = [extra_specs.step_into(pool.capabilities, path) for pool in pools]
            if not any(extra_specs.meets(requirement, value) for value in values):
                reported = sorted({repr(value) for value in values if value is not NOT_REPORTED})
                what = f"no pool matches {text!r}; reported: {', '.join(reported)[:200] or 'nothing of the kind'}"
                yield warning("VS118", where, what, "correct the extra spec, or what the backends report")
