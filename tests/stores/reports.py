"""Reports and claims in any order: capacity is never claimed twice and never lost permanently."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.stores.world import NOON, World, a_placement, a_pool_state, a_volume
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.schema import metadata
from volsched.db.volumes import Volumes
from volsched.exceptions import ClaimConflict
from volsched.model.parsing import ParsedReport
from volsched.model.report import CapabilityReport

TOTAL_GB = 100


@dataclass
class Disk:
    """The backend as it really is, with its own clock."""

    skew: timedelta = timedelta(0)
    used: dict[str, int] = field(default_factory=dict)


class ReportsMachine(RuleBasedStateMachine):
    """A backend whose reports arrive late, twice, out of order and from the future, while volumes come and go.

    A volume is claimed, then made on the disk, then confirmed; it is deleted from the disk, then released. Between any
    two of these anything may happen, a report too.
    """

    def __init__(self, url: str) -> None:
        """`url`: of a database with its tables, which is emptied, or of none, which is made in memory."""
        super().__init__()
        self.now = NOON
        self.database = Database(url or "sqlite://", clock=lambda: self.now)
        if not url:
            self.database.upgrade()
        with self.database.transaction() as connection:
            for table in reversed(metadata.sorted_tables if url else ()):
                connection.execute(sa.delete(table))
        self.claims, self.volumes = Claims(self.database), Volumes(self.database)
        self.disk = Disk()
        self.claimed: dict[str, int] = {}
        self.made: dict[str, datetime] = {}  # not confirmed yet, with the backend's time when it was done
        self.confirmed: set[str] = set()
        self.deleted: set[str] = set()  # from the disk, not released yet
        self.reports: list[CapabilityReport] = []  # on their way; any of them may arrive, any number of times
        self.number = 0

    def teardown(self) -> None:
        self.database.close()

    @initialize(skew=st.sampled_from([-600, 0, 600]))
    def begin(self, skew: int) -> None:
        self.disk.skew = timedelta(seconds=skew)
        self.measure()
        self.arrive(0)

    def tick(self) -> datetime:
        """The backend's clock, a moment later."""
        self.now += timedelta(seconds=1)
        return self.now + self.disk.skew

    # -- reports -----------------------------------------------------------------------------------------------------

    @rule()
    def measure(self) -> None:
        """The time stamp is taken first, then the figures, as agents do."""
        timestamp = self.tick()
        free = TOTAL_GB - sum(self.disk.used.values())
        report = CapabilityReport(service_name="volume", host="h@b", capabilities={"free": free}, timestamp=timestamp)
        self.reports.append(report)

    @rule(which=st.integers(0, 99))
    def arrive(self, which: int) -> None:
        report = self.reports[which % len(self.reports)]
        self.record(report)

    @rule(seconds=st.integers(1600, 100_000))
    def arrive_from_the_future(self, seconds: int) -> None:
        timestamp = self.now + timedelta(seconds=seconds)
        self.record(
            CapabilityReport(service_name="volume", host="h@b", capabilities={"free": TOTAL_GB}, timestamp=timestamp)
        )

    def record(self, report: CapabilityReport) -> None:
        pool = a_pool_state(total_gb=float(TOTAL_GB), free_gb=float(report.capabilities["free"]))
        parsed = ParsedReport(backend_id="h@b", pools=(pool,), set_aside=())
        Backends(self.database).record(report, parsed)

    # -- volumes -----------------------------------------------------------------------------------------------------

    @rule(size_gb=st.integers(1, 60))
    def claim(self, size_gb: int) -> None:
        self.number += 1
        volume_id = f"v{self.number}"
        self.volumes.create(a_volume(volume_id, size_gb=size_gb))
        try:
            self.claims.claim(a_placement(volume_id, size_gb))
        except ClaimConflict:
            self.volumes.remove(volume_id)
        else:
            self.claimed[volume_id] = size_gb

    @precondition(lambda self: self.unmade)
    @rule(data=st.data())
    def make(self, data: st.DataObject) -> None:
        volume_id = data.draw(st.sampled_from(self.unmade))
        self.disk.used[volume_id] = self.claimed[volume_id]
        self.made[volume_id] = self.tick()

    @property
    def unmade(self) -> list[str]:
        return [each for each in self.claimed if each not in self.made.keys() | self.confirmed | self.deleted]

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        volume_id = data.draw(st.sampled_from(sorted(self.made)))
        self.claims.confirm(volume_id, self.made.pop(volume_id))
        self.confirmed.add(volume_id)

    @precondition(lambda self: self.confirmed)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        volume_id = data.draw(st.sampled_from(sorted(self.confirmed)))
        self.tick()
        del self.disk.used[volume_id]
        self.confirmed.remove(volume_id)
        self.deleted.add(volume_id)

    @precondition(lambda self: self.deleted)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        volume_id = data.draw(st.sampled_from(sorted(self.deleted)))
        self.deleted.remove(volume_id)
        del self.claimed[volume_id]
        self.volumes.remove(volume_id)

    @precondition(lambda self: self.unmade)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        volume_id = data.draw(st.sampled_from(self.unmade))
        del self.claimed[volume_id]
        self.volumes.remove(volume_id)

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def no_more_is_claimed_than_there_is(self) -> None:
        on_the_way = {each for each in self.claimed if each not in self.deleted}
        assert sum(self.claimed[each] for each in on_the_way) <= TOTAL_GB

    @invariant()
    def pending_is_what_the_report_cannot_know(self) -> None:
        pools = Backends(self.database).pools()
        if pools:
            assert pools[0].pending_gb == sum(claim.size_gb for claim in self.claims.pending())

    @precondition(lambda self: not self.made and not self.deleted)
    @rule()
    def a_new_report_gives_all_the_room_there_is(self) -> None:
        """Nothing was lost for good by what came before."""
        self.measure()
        self.record(self.reports[-1])
        [pool] = Backends(self.database).pools()
        assert pool.room_thick_gb is not None
        assert pool.room_thick_gb - pool.pending_gb == TOTAL_GB - sum(self.claimed.values())


class ReportsContract(World):
    """On a server. Examples are few, for each statement takes its time there; SQLite in memory has the many."""

    def test_room_is_never_given_twice_nor_lost(self) -> None:
        url = self.database.url.render_as_string(hide_password=False)
        run_state_machine_as_test(
            partial(ReportsMachine, url),
            settings=settings(max_examples=5, stateful_step_count=25, deadline=None),
        )
