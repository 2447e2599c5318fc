"""The pools as every process sees them: reports and claims of all processes, read from the database they share."""

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
    """A registry that is kept in step with the database. A port: PoolSource; also a ReportSink for agents."""

    def __init__(self, registry: Registry, backends: Backends, claims: Claims, *, default_ratio: str) -> None:
        self._registry = registry
        self._backends = backends
        self._claims = claims
        self._default_ratio = default_ratio
        self._services: Mapping[tuple[str, str], ServiceState] = {}  # by kind and backend, as of the last look

    def sync(self) -> None:
        """Take over services, reports, pending claims and cordons as they stand in the database."""
        services = self._backends.services()
        self._services = {(service.kind, service.backend_id): service for service in services}
        news = self._backends.reports(self._registry.stamps())
        self._registry.load(services, news, self._claims.pending(), self._backends.cordons())

    def record(self, report: CapabilityReport) -> None:
        """Keep a report for every process, and see it at once in this one."""
        unknown = ServiceState(host=report.host, cluster_name=report.cluster_name)
        service = self._services.get((report.service_name, report.backend_id), unknown)
        self._backends.record(report, pools_from(report, service, self._default_ratio))
        self._registry.report(report)

    def hear(self, report: CapabilityReport) -> None:
        """See a report that whoever sent it has kept: sooner than the next look at the database would."""
        self._registry.report(report)

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
        """Another process changed the pool: look at everything anew, for it has been busy elsewhere too."""
        self.sync()

    def renew(self) -> bool:
        """Other processes may have reported or released since the last look."""
        self.sync()
        return True

    def report(self, report: CapabilityReport) -> None:
        self.record(report)

    def usage_changes(self, report: CapabilityReport) -> tuple[Mapping[str, Any], ...]:
        return self._registry.usage_changes(report)

    def ready(self) -> bool:
        return self._registry.ready()

    def first_received(self) -> bool:
        return self._registry.first_received()

    def backup_host(self, volume: Mapping[str, Any] | None, zone: str | None, driver: str | None) -> str:
        return self._registry.backup_host(volume, zone, driver)
