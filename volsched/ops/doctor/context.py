"""What checks look at: each part is read once, when the first check asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property

from volsched.conf import Configuration
from volsched.db.backends import BackendRecord
from volsched.exceptions import ConfigurationError, DatabaseUnavailable, VolschedError
from volsched.loader import Catalog, Plugins, Problem, examine
from volsched.model.parsing import pools_from
from volsched.model.pool import PoolState
from volsched.model.request import VolumeType
from volsched.service.application import Application, utcnow
from volsched.service.pidfile import PidFile, PidFiles

#: Checks answer with problems; those that need what is not there answer with none.
Check = Callable[["DoctorContext"], "Sequence[Problem]"]


class DoctorContext:
    """One configuration and what it leads to. Nothing is changed, and nothing is started but by the check that does."""

    def __init__(self, conf: Configuration, catalog: Catalog) -> None:
        self.conf = conf
        self.catalog = catalog

    @cached_property
    def examined(self) -> tuple[Plugins | None, tuple[Problem, ...]]:
        return examine(self.conf, self.catalog)

    @property
    def plugins(self) -> Plugins | None:
        """None where something about the configuration keeps services from starting."""
        return self.examined[0]

    @cached_property
    def application(self) -> Application:
        """Put together, and not started. For its parts the database must be there, and the plugins sound."""
        made = Application(self.conf)
        if self.plugins is not None:
            made.__dict__["plugins"] = self.plugins
        return made

    @cached_property
    def database_problem(self) -> VolschedError | None:
        """Why the database cannot be used."""
        try:
            self.application.database  # noqa: B018 - it is checked when it is made
        except (DatabaseUnavailable, ConfigurationError) as problem:
            return problem
        return None

    @property
    def stored(self) -> bool:
        """Whether there is a database to look into."""
        return self.database_problem is None

    @cached_property
    def now(self) -> datetime:
        """By the database's clock."""
        database = self.application.database
        return database.read(lambda connection: database.now(connection))

    @cached_property
    def backends(self) -> Sequence[BackendRecord]:
        return self.application.backends.list()

    @cached_property
    def types(self) -> Sequence[VolumeType]:
        return self.application.types.list()

    @cached_property
    def reported_pools(self) -> Sequence[PoolState]:
        """Every usable pool of every last report, also of services that are down."""
        services = {it.backend_id: it for it in self.application.backends.services() if it.kind == "volume"}
        reports = [it for it in self.application.backends.reports() if it.backend_id in services]
        ratio = self.conf.scheduler.max_over_subscription_ratio
        return [pool for report in reports for pool in pools_from(report, services[report.backend_id], ratio).pools]

    @cached_property
    def services(self) -> Sequence[PidFile]:
        """The services of this machine that run now."""
        return list(PidFiles(self.conf.paths.state_path).alive())

    def close(self) -> None:
        """Let go of the database."""
        self.application.close()


def warning(code: str, where: str, what: str, fix: str) -> Problem:
    """Something that works, but perhaps not as meant."""
    return Problem(code=code, where=where, what=what, fix=fix, fatal=False)


def failure(code: str, where: str, what: str, fix: str) -> Problem:
    """Something that does not work."""
    return Problem(code=code, where=where, what=what, fix=fix)


__all__ = ["Check", "DoctorContext", "failure", "utcnow", "warning"]
