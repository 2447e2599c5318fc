"""What the database tells about the configuration: expressions that backends report, extra specs that none match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from volsched.exceptions import ConfigurationError, ExpressionError, InvalidRequest
from volsched.loading.problems import Problem

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.domain.pool import PoolState
    from volsched.domain.request import VolumeType

FUNCTIONS = ("filter_function", "goodness_function")


def problems(conf: Configuration) -> Iterator[Problem]:
    """Problems that only show beside what backends have reported. Raises DatabaseUnavailable."""
    from volsched.db.backends import Backends
    from volsched.db.database import Database
    from volsched.db.volume_types import VolumeTypes

    try:
        database = Database(conf.database.connection)
    except ConfigurationError as error:
        where = conf.label("database", "connection")
        yield Problem(code="VS108", where=where, what=error.problem, mend="volsched config sample shows what will do")
        return
    try:
        database.check()
        pools = _pools(conf, Backends(database))
        yield from _of_expressions(pools, conf.scheduler.expression_dialect)
        yield from _of_types(pools, VolumeTypes(database).list())
    finally:
        database.close()


def _pools(conf: Configuration, backends: Any) -> list[PoolState]:
    from volsched.domain.parsing import pools_from

    services = {service.backend_id: service for service in backends.services() if service.kind == "volume"}
    ratio = conf.scheduler.max_over_subscription_ratio
    reports = [report for report in backends.reports() if report.backend_id in services]
    return [pool for report in reports for pool in pools_from(report, services[report.backend_id], ratio).pools]


def _of_expressions(pools: Iterable[PoolState], dialect: str) -> Iterator[Problem]:
    """Each distinct expression once, with the first pool that reports it."""
    from volsched.expressions import compile_expression, meanings_differ

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
                mend = f"mend it in the backend's configuration, or read it in the other dialect ({dialect} is set)"
                yield _warning("VS113", where, str(error), mend)
            example = meanings_differ(text)
            if example is not None:
                what = f"{text[:120]!r} means different things to Cinder and to volsched: {example}"
                mend = f"write it so that both agree; [scheduler] expression_dialect = {dialect} decides meanwhile"
                yield _warning("VS126", where, what, mend)


def _of_types(pools: Sequence[PoolState], types: Iterable[VolumeType]) -> Iterator[Problem]:
    """Extra specs that no pool meets, each by itself: their types cannot be served."""
    from volsched.domain import extra_specs
    from volsched.domain.columns import NOT_REPORTED

    for volume_type in types:
        for key, text in volume_type.extra_specs.items():
            path = extra_specs.path_of(key)
            if path is None or not pools:
                continue
            where = f"volume type {volume_type.name}, extra spec {key}"
            try:
                requirement = extra_specs.requirement_from(text, key)
            except InvalidRequest as error:
                yield _warning("VS118", where, error.problem, "make the type anew with another value")
                continue
            values = [extra_specs.step_into(pool.capabilities, path) for pool in pools]
            if not any(extra_specs.meets(requirement, value) for value in values):
                reported = sorted({repr(value) for value in values if value is not NOT_REPORTED})
                what = f"no pool matches {text!r}; reported: {', '.join(reported)[:200] or 'nothing of the kind'}"
                yield _warning("VS118", where, what, "correct the extra spec, or what the backends report")


def _warning(code: str, where: str, what: str, mend: str) -> Problem:
    return Problem(code=code, where=where, what=what, mend=mend, fatal=False)
