"""Checks of reported expressions, and of the capabilities that extra specs require."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from volsched.exceptions import ExpressionError, InvalidRequest
from volsched.loader import Problem
from volsched.loader.problems import did_you_mean
from volsched.model.pool import PoolState
from volsched.model.request import VolumeType
from volsched.ops.doctor.context import DoctorContext, warning

FUNCTIONS = ("filter_function", "goodness_function")
#: The keys of `volume` in an expression: those of requests by volsched, and those that Cinder adds.
VOLUME_KEYS = frozenset(
    (
        *("size", "availability_zone", "volume_type_id", "project_id", "user_id", "metadata", "attach_status", "host"),
        *("qos_specs", "cgsnapshot_id", "consistencygroup_id", "display_description", "display_name"),
        *("encryption_key_id", "group_id", "group_type_id", "id", "multiattach", "name", "raid", "replication_status"),
        *("snapshot_id", "source_replicaid", "source_volid", "source_volstatus", "status", "volume_type"),
    )
)


def problems(context: DoctorContext) -> Iterator[Problem]:
    """Report expressions that fail or differ between dialects, and extra specs that no pool meets."""
    if not context.stored:
        return
    yield from of_expressions(context.reported_pools, context.conf.scheduler.expression_dialect)
    yield from of_types(context.reported_pools, context.types)


def of_expressions(pools: Iterable[PoolState], dialect: str) -> Iterator[Problem]:
    """Report problems of each distinct expression once, with the first pool that has it."""
    from volsched.languages.expressions import compile_expression, find_difference

    seen: set[str] = set()
    for pool in pools:
        for function in FUNCTIONS:
            text = getattr(pool, function)
            if text is None or text in seen:
                continue
            seen.add(text)
            where = f"{function} of {pool.pool_id}"
            try:
                names = compile_expression(text, dialect).names
            except ExpressionError as error:
                names = ()
                fix = f"correct it in the backend's configuration, or set the other dialect ({dialect} is set)"
                yield warning("VS113", where, str(error), fix)
            yield from _unknown_names(names, pool, function, where)
            example = find_difference(text)
            if example is not None:
                what = f"{text[:120]!r} means different things to Cinder and to volsched: {example}"
                fix = f"write it so that both agree; until then [scheduler] expression_dialect = {dialect} applies"
                yield warning("VS126", where, what, fix)


def _unknown_names(names: Iterable[str], pool: PoolState, function: str, where: str) -> Iterator[Problem]:
    """Report names of an expression that neither requests nor the pool have."""
    from volsched.languages.expressions.pools import FILTER_STATS, GOODNESS_STATS

    known: dict[str, Collection[str] | None] = {
        "volume": VOLUME_KEYS,
        "stats": GOODNESS_STATS if function == "goodness_function" else FILTER_STATS,
        "capabilities": pool.capabilities.keys() | {"storage_protocol"},
        "extra": None,  # the extra specs and QoS specs of whatever volume type is requested
        "qos": None,
    }
    for name in names:
        namespace, _, key = name.partition(".")
        keys = known[namespace]
        if keys is None or key in keys:
            continue
        what = f"expected a name of the request or of the pool, got {name}"
        fix = did_you_mean(key, keys).strip() or "correct the name, or let the backend report the capability"
        yield warning("VS113", where, what, fix)


def of_types(pools: Sequence[PoolState], types: Iterable[VolumeType]) -> Iterator[Problem]:
    """Report extra specs that no pool meets: no volume of their types can be placed."""
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
                yield warning("VS118", where, error.problem, "create the type again with another value")
                continue
            values = [extra_specs.step_into(pool.capabilities, path) for pool in pools]
            if not any(extra_specs.meets(requirement, value) for value in values):
                reported = sorted({repr(value) for value in values if value is not NOT_REPORTED})
                what = f"no pool matches {text!r}; reported: {', '.join(reported)[:200] or 'not at all'}"
                yield warning("VS118", where, what, "correct the extra spec, or what the backends report")
