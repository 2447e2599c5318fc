"""Checks of what is configured: options, plugins, the database and the bus that they name."""

from __future__ import annotations

from collections.abc import Iterator

from volsched.exceptions import ConfigurationError
from volsched.loader import Problem
from volsched.ops.doctor.context import DoctorContext, failure

BROKER_SECONDS = 3.0


def problems(scene: DoctorContext) -> Iterator[Problem]:
    """What a service would say when it is started, and what is merely odd."""
    yield from scene.examined[1]


def database(scene: DoctorContext) -> Iterator[Problem]:
    """The database is there, and its tables are those of this version."""
    problem = scene.database_problem
    if problem is None:
        return
    where = scene.conf.label("database", "connection")
    if isinstance(problem, ConfigurationError):
        fix = "volsched config sample shows what will do"
        yield failure("VS201", where, problem.problem, fix)
        return
    what, _, fix = str(problem).rpartition("; ")
    yield failure("VS201", where, what or fix, fix if what else "see that it can be reached from here")


def transport(scene: DoctorContext) -> Iterator[Problem]:
    """Each broker lets us in, within a few seconds."""
    url = scene.conf.messaging.transport_url
    if not url:
        return
    from volsched.messaging.reachability import unreachable

    where = scene.conf.label("messaging", "transport_url")
    try:
        for address, why in unreachable(url, BROKER_SECONDS):
            what = f"the broker at {address} cannot be reached: {why}"
            yield failure("VS202", where, what, "see that it runs, and that address, user and password are right")
    except ConfigurationError as problem:
        yield failure("VS202", where, problem.problem, "correct it, or leave it empty: work is found without a bus")
