"""What the database tells about the configuration: expressions that backends report, extra specs that none match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from volsched.exceptions import ConfigurationError

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.loader.problems import Problem


def problems(conf: Configuration) -> Iterator[Problem]:
    """Problems that only show beside what backends have reported. Raises DatabaseUnavailable."""
    from volsched.loader import Catalog, Problem
    from volsched.ops.doctor import DoctorContext, expressions

    scene = DoctorContext(conf, Catalog.discover())
    try:
        problem = scene.database_problem
        if isinstance(problem, ConfigurationError):
            where = conf.label("database", "connection")
            fix = "volsched config sample shows what will do"
            yield Problem(code="VS108", where=where, what=problem.problem, fix=fix)
            return
        if problem is not None:
            raise problem
        yield from expressions.problems(scene)
    finally:
        scene.close()
