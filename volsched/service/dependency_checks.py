"""Regular checks of what a service depends on: health pages and metrics return the last results without waiting."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from volsched.db import backlog, upgrade
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.exceptions import DatabaseUnavailable
from volsched.model.problem_log import ProblemLog
from volsched.model.report import ServiceState
from volsched.service.health import Check, Status

if TYPE_CHECKING:
    from volsched.service.application import Application

LOG = logging.getLogger(__name__)

#: Seconds that a check waits for the database, and for the bus.
DATABASE_PATIENCE = 2.0
BUS_SECONDS = 1.0
BUS_PORT = 5672
#: Seconds after which an overdue check means that what it waits for does not answer.
LATE_SECONDS = 10.0
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of the last checks. `figures` None: the database did not answer."""

    at: float
    checks: tuple[Check, ...] = ()
    figures: backlog.Backlog | None = None
    services: Sequence[ServiceState] = ()
    pools: tuple[int, int] | None = None  # of a scheduler: how many take part, how many are set aside


class DependencyChecks:
    """Checks every `interval` seconds, in a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        application: Callable[[], Application],
        kind: str,
        *,
        interval: float,
        checked: Callable[[], object] = lambda: None,
    ) -> None:
        """`application`: returns the current one, which a reload replaces. `kind`: scheduler or agent.

        `checked` is called after each check.
        """
        self._checked = checked
        self._kind = kind
        self._application = application
        self._interval = interval
        conf = application().conf
        self._database = Database.configured(conf, patience_seconds=DATABASE_PATIENCE, pool_size=1)
        self._over = threading.Event()
        # The bus has a thread of its own: a broker or name server that blocks must not delay the other checks.
        steps = (self.check,) if application().embedded else (self.check, self.check_bus)
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=f"monitoring-{step.__name__}", daemon=True)
            for step in steps
        ]
        self._bus: tuple[Check, ...] = ()
        self._found = Results(at=time.monotonic(), checks=(Check("database", Status.FAILED, "not checked yet"),))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop without waiting for what a check in progress waits for."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(DATABASE_PATIENCE)
        self._database.close()

    @property
    def found(self) -> Results:
        """The results of the last checks."""
        return self._found

    @property
    def late(self) -> float | None:
        """The age of the last results in seconds, where that is too much; else None."""
        age = time.monotonic() - self._found.at
        return age if age > self._interval + LATE_SECONDS else None

    def check(self) -> None:
        """Check once, now."""
        application = self._application()
        found = self._in_database(application)
        delivery = () if "delivery" not in vars(application) else (delivery_check(application.delivery.failing),)
        self._found = Results(
            at=time.monotonic(),
            checks=(*found.checks, *self._bus, *delivery),
            figures=found.figures,
            services=found.services,
            pools=_pools(application) if self._kind == "scheduler" else None,
        )

    def check_bus(self) -> None:
        """Check the bus once; the next `check` includes the result."""
        self._bus = (bus_check(self._application().conf.messaging.transport_url),)

    def _run(self, step: Callable[[], None]) -> None:
        problems = ProblemLog(LOG, "dependency checks")
        while not self._over.is_set():
            try:
                step()
                self._checked()
            except Exception as problem:  # noqa: BLE001 - logged; /ready reports that the last check is old
                problems.failed(problem)
            else:
                problems.succeeded()
            self._over.wait(self._interval)

    def _in_database(self, application: Application) -> Results:
        try:
            version = self._database.version()
            if version != upgrade.latest():
                why = f"its tables are at {version}, this service needs {upgrade.latest()}"
                return Results(at=0.0, checks=(Check("database", Status.FAILED, why),))
            seen = self._database.read(lambda it: backlog.read(it, self._database.now(it)))
            down_after = application.conf.scheduler.service_down_time
            services = Backends(self._database, down_after_seconds=down_after).services()
        except DatabaseUnavailable as problem:
            LOG.debug("monitoring: %s", problem)  # the loops log it
            return Results(at=0.0, checks=(Check("database", Status.FAILED, "it does not answer; see the log"),))
        checks = (Check("database"), *backend_checks(application, self._kind, services))
        return Results(at=0.0, checks=checks, figures=seen, services=services)


def _pools(application: Application) -> tuple[int, int]:
    return len(application.pools.table().pools), len(application.pools.set_aside())


def backend_checks(application: Application, kind: str, services: Sequence[ServiceState]) -> Iterator[Check]:
    """Check the backends: an agent its own, a scheduler all of them."""
    if kind == "agent":
        own = application.agent.backend_ids
        up = {service.backend_id for service in services if service.up}
        silent = {name for name, _ in application.agent.problems}.union(name for name in own if name not in up)
        yield _some("backends", own, sorted(silent), "not reporting")
        return
    known = [service for service in services if service.kind == "volume"]
    down = sorted(service.backend_id for service in known if not service.up)
    if known and all(service.disabled or not service.up for service in known):
        yield Check("backends", Status.FAILED, "every backend is down or disabled")
    elif not known:
        yield Check("backends", Status.FAILED, "no backend has ever reported")
    else:
        yield _some("backends", [service.backend_id for service in known], down, "down")
    if len(application.pools.table().pools):
        yield Check("reports")
    else:
        yield Check("reports", Status.FAILED, "no report of a usable pool has arrived yet")


def delivery_check(failing: Sequence[str]) -> Check:
    """Warn of notifiers that fail: nothing else is affected."""
    if not failing:
        return Check("notifiers")
    return Check("notifiers", Status.WARNING, f"events wait for {_named(failing)}; see the log")


def bus_check(url: str) -> Check:
    """Check whether some broker of the URL can be reached. Without the bus, work is found by polling, only later."""
    places = [_place(part) for part in urlsplit(url).netloc.split(",") if part]
    if not places or any(_reached(host, port) for host, port in places):
        return Check("message bus")
    return Check("message bus", Status.WARNING, "it cannot be reached; work is found by polling, which takes longer")


def _place(part: str) -> tuple[str, int]:
    """Return host and port of `user:password@host:port`."""
    parts = urlsplit(f"//{part.rpartition('@')[2]}")
    return parts.hostname or "localhost", parts.port or BUS_PORT


def _reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=BUS_SECONDS).close()
    except OSError:
        return False
    return True


def _some(name: str, every: Sequence[str], bad: Sequence[str], what: str) -> Check:
    if not bad:
        return Check(name)
    status = Status.FAILED if len(bad) >= len(every) else Status.WARNING
    return Check(name, status, f"{what}: {_named(bad)} ({len(bad)} of {len(every)})")


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
