"""The pools as the database has them: reports and claims of all processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.model.candidates import PoolTable
from volsched.model.claim import Claim
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.placement.registry import Registry


class SharedPools:
    """A registry that is kept up to date from the database. A port: PoolSource."""

    def __init__(self, registry: Registry, backends: Backends, claims: Claims, *, default_ratio: str) -> None:
        self._registry = registry
        self._backends = backends
        self._claims = claims
        self._default_ratio = default_ratio

    def sync(self) -> None:
        """Take over services, reports, pending claims and cordons as they stand in the database."""
        services = self._backends.services()
        news = self._backends.reports(self._registry.stamps())
        self._registry.load(services, news, self._claims.pending(), self._backends.cordons())

    # -- PoolSource ----------------------------------------------------------------------------------------------

    def table(self) -> PoolTable:
        return self._registry.table()

    def set_aside(self) -> tuple[tuple[str, str], ...]:
        return (*self._registry.closed(), *self._registry.set_aside())

    def claimed(self, claim: Claim) -> None:
        self._registry.claimed(claim)

    def released(self, key: str) -> None:
        self._registry.released(key)

    def refresh(self, pool_id: str) -> None:
        """Read everything anew: the process that changed the pool may have changed others."""
        self.sync()

    def renew(self) -> bool:
        """Read what other processes have reported, claimed and released since the last time."""
        self.sync()
        return True

    def report(self, report: CapabilityReport) -> None:
        """Store a report in the database, from where this process and all others read it."""
        service = ServiceState(host=report.host, cluster_name=report.cluster_name)
        self._backends.record(report, pools_from(report, service, self._default_ratio))
        self.sync()

    def backup_host(self, volume: Mapping[str, Any] | None, zone: str | None, driver: str | None) -> str:
        return self._registry.backup_host(volume, zone, driver)
