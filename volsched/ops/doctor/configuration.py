"""Checks of the configuration: options, plugins, the database and the message bus."""

from __future__ import annotations

from collections.abc import Iterator

from volsched.exceptions import ConfigurationError
from volsched.loader import Problem
from volsched.ops.doctor.context import DoctorContext, failure

BROKER_SECONDS = 3.0


def problems(context: DoctorContext) -> Iterator[Problem]:
    """Report what a service would report at its start."""
    yield from context.examined[1]


def database(context: DoctorContext) -> Iterator[Problem]:
    """Check that the database is available and has the tables of this version."""
    problem = context.database_problem
    if problem is None:
        return
    where = context.conf.label("database", "connection")
    if isinstance(problem, ConfigurationError):
        fix = "correct the URL; volsched config sample shows examples"
        yield failure("VS201", where, problem.problem, fix)
        return
    what, _, fix = str(problem).rpartition("; ")
    yield failure("VS201", where, what or fix, fix if what else "check that its server is reachable")


def transport(context: DoctorContext) -> Iterator[Problem]:
    """Check that each broker accepts a connection within a few seconds."""
    url = context.conf.messaging.transport_url
    if not url:
        return
    from volsched.messaging.reachability import unreachable

    where = context.conf.label("messaging", "transport_url")
    try:
        for address, why in unreachable(url, BROKER_SECONDS):
            what = f"the broker at {address} cannot be reached: {why}"
            yield failure("VS202", where, what, "check that the broker runs, and its address, user and password")
    except ConfigurationError as problem:
        yield failure("VS202", where, problem.problem, "correct the URL, or leave it empty to work without a bus")
