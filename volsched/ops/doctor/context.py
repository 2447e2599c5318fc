"""The data that checks share. Each part is read once, when the first check uses it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from volsched.conf import Configuration
from volsched.db.backends import BackendRecord
from volsched.exceptions import ConfigurationError, DatabaseUnavailable, VolschedError
from volsched.loader import Catalog, Plugins, Problem, examine
from volsched.model.parsing import pools_from
from volsched.model.pool import PoolState
from volsched.model.request import VolumeType
from volsched.service.application import Application
from volsched.service.pidfile import PidFile, PidFiles


class DoctorContext:
    """One configuration, its plugins and its stores. Nothing is changed; only plugin trials start anything."""

    def __init__(self, conf: Configuration, catalog: Catalog) -> None:
        self.conf = conf
        self.catalog = catalog

    @cached_property
    def examined(self) -> tuple[Plugins | None, tuple[Problem, ...]]:
        return examine(self.conf, self.catalog)

    @property
    def plugins(self) -> Plugins | None:
        """The selected plugins; None where a problem prevents services from starting."""
        return self.examined[0]

    @cached_property
    def application(self) -> Application:
        """The application, not started. Its parts need the database and plugins without problems."""
        application = Application(self.conf)
        if self.plugins is not None:
            application.__dict__["plugins"] = self.plugins
        return application

    @cached_property
    def database_problem(self) -> VolschedError | None:
        """The reason why the database cannot be used, if so."""
        try:
            self.application.database  # noqa: B018 - it is checked when it is made
        except (DatabaseUnavailable, ConfigurationError) as problem:
            return problem
        return None

    @property
    def stored(self) -> bool:
        """Whether the database can be used."""
        return self.database_problem is None

    @cached_property
    def now(self) -> datetime:
        """The time of the database's clock."""
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
        """Every usable pool of the last reports, also of services that are down."""
        services = {it.backend_id: it for it in self.application.backends.services() if it.kind == "volume"}
        reports = [it for it in self.application.backends.reports() if it.backend_id in services]
        ratio = self.conf.scheduler.max_over_subscription_ratio
        return [pool for report in reports for pool in pools_from(report, services[report.backend_id], ratio).pools]

    @cached_property
    def services(self) -> Sequence[PidFile]:
        """The services that run on this machine."""
        return list(PidFiles(self.conf.paths.state_path).alive())

    def close(self) -> None:
        """Close the database."""
        self.application.close()


def warning(code: str, where: str, what: str, fix: str) -> Problem:
    """Return a problem that does not prevent operation."""
    return Problem(code=code, where=where, what=what, fix=fix, fatal=False)


def failure(code: str, where: str, what: str, fix: str) -> Problem:
    """Return a problem that prevents operation."""
    return Problem(code=code, where=where, what=what, fix=fix)
