"""The audit: claims, volumes, work, reservations and reports compared with one another, and repaired."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from volsched.api.resources import ApiService
from volsched.db.database import Database
from volsched.db.inconsistencies import CHECKS, Check
from volsched.db.storage_checks import STORAGE_CHECKS
from volsched.model.inconsistency import Inconsistency
from volsched.model.observer import NO_OBSERVER, Observer

LOG = logging.getLogger(__name__)


class Audit:
    """The checks of one database. Each check reads one instant; each repair is a transaction that checks again."""

    def __init__(
        self,
        database: Database,
        checks: Sequence[Check] = (*CHECKS, *STORAGE_CHECKS),
        *,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        """`observer` receives the result of each `log`."""
        self._database = database
        self._checks = checks
        self._observer = observer

    def find(self, *, repair: bool = False) -> Iterator[Inconsistency]:
        """Yield every inconsistency, by check. `repair`: repair those that can be. Raises DatabaseUnavailable."""
        for check in self._checks:
            for inconsistency in self._found(check):
                repairable = repair and inconsistency.repairable and check.repair
                yield self._repaired(check, inconsistency) if repairable else inconsistency

    def log(self) -> int:
        """Log every inconsistency and return their number."""
        found = list(self.find())
        self._observer.audited([check.name for check in self._checks], found)
        for inconsistency in found:
            fix = f"{inconsistency.fix}: volsched audit --repair" if inconsistency.repairable else inconsistency.fix
            LOG.warning("audit: %s: %s: %s; %s", inconsistency.check, inconsistency.subject, inconsistency.what, fix)
        return len(found)

    def _found(self, check: Check) -> Sequence[Inconsistency]:
        return self._database.read(lambda connection: list(check.find(connection, self._database.now(connection))))

    def _repaired(self, check: Check, found: Inconsistency) -> Inconsistency:
        repair = check.repair
        assert repair is not None  # noqa: S101 - `find` has checked it
        done = self._database.run(lambda connection: repair(connection, found, self._database.now(connection)))
        if done:
            LOG.warning("audit: repaired %s: %s: %s (%s)", found.check, found.subject, found.what, found.fix)
        else:
            LOG.info("audit: %s: %s: it is resolved already, or work on it is in progress", found.check, found.subject)
        return replace(found, repaired=done)


class AuditService(ApiService):
    """The audit, for operators."""

    def find(self) -> Sequence[Inconsistency]:
        """Return every inconsistency, by check. Work in progress is not one."""
        self._check("audit:look")
        self._resources.request_worker.store_inventories()
        return list(Audit(self._resources.database).find())

    def repair(self) -> Sequence[Inconsistency]:
        """Repair every inconsistency that can be repaired, and return all; `repaired` of each says whether it was."""
        self._check("audit:look")
        self._check("audit:repair")
        self._resources.request_worker.store_inventories()
        return list(Audit(self._resources.database).find(repair=True))
