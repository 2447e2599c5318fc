"""Claims, volumes, work and reports compared with one another, and put right in small steps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from volsched.db.database import Database
from volsched.db.inconsistencies import CHECKS, Check
from volsched.model.inconsistency import Inconsistency
from volsched.model.observer import NO_OBSERVER, Observer

LOG = logging.getLogger(__name__)


class Audit:
    """Every check looks at one instant; every repair is a transaction of its own that looks again before it acts."""

    def __init__(
        self, database: Database, checks: Sequence[Check] = CHECKS, *, observer: Observer = NO_OBSERVER
    ) -> None:
        """`observer`: receives what each `log` found."""
        self._database = database
        self._checks = checks
        self._observer = observer

    def look(self, *, repair: bool = False) -> Iterator[Inconsistency]:
        """Every drift, by check. `repair`: put right what can be, and say so. Raises DatabaseUnavailable."""
        for check in self._checks:
            for drift in self._found(check):
                yield self._repaired(check, drift) if repair and drift.repairable and check.repair else drift

    def log(self) -> int:
        """Every drift into the log; how many there are."""
        found = list(self.look())
        self._observer.audited([check.name for check in self._checks], found)
        for drift in found:
            fix = f"{drift.fix}: volsched audit --repair" if drift.repairable else drift.fix
            LOG.warning("audit: %s: %s: %s; %s", drift.check, drift.subject, drift.what, fix)
        return len(found)

    def _found(self, check: Check) -> Sequence[Inconsistency]:
        return self._database.read(lambda connection: list(check.find(connection, self._database.now(connection))))

    def _repaired(self, check: Check, drift: Inconsistency) -> Inconsistency:
        repair = check.repair
        assert repair is not None  # noqa: S101 - the caller asked
        done = self._database.run(lambda connection: repair(connection, drift, self._database.now(connection)))
        if done:
            LOG.warning("audit: repaired %s: %s: %s (%s)", drift.check, drift.subject, drift.what, drift.fix)
        else:
            LOG.info("audit: %s: %s: it was put right meanwhile, or somebody is at it", drift.check, drift.subject)
        return replace(drift, repaired=done)
