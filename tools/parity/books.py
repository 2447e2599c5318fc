"""What Cinder keeps from one request to the next, as far as its answers tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tools.parity.answers import Answer, Figures, same_number
from tools.parity.cases import stamp
from volsched.model.pool import PoolState

Place = tuple[str, float]  # a pool and the GiB taken there


class Books:
    """Cinder's bookkeeping during one case."""

    def __init__(self) -> None:
        self.lost: set[str] = set()  # backends whose last report Cinder may have failed to keep
        self.stalled = False  # the last question failed before any pool was looked at
        self.once_stalled = False
        self.once_aside: set[str] = set()  # pools and backends that volsched has set aside at some time
        self._consumed: dict[str, datetime] = {}  # when it last took room in a pool
        self._held: dict[str, Place] = {}  # where it holds room for a volume
        self._newest: dict[str, datetime] = {}  # the latest time stamp of a backend's reports
        self._basis: dict[str, PoolState] = {}  # the report that its figures of a pool go back to

    # -- reports -------------------------------------------------------------------------------------------------

    def note_report(self, report: Mapping[str, Any], now: datetime, *, failed: bool) -> None:
        """A report came in, and Cinder `failed` to take it. One that is dropped for its age changes nothing."""
        if report.get("service_name", "volume") != "volume":
            return
        backend_id = str(report.get("cluster_name") or report.get("host"))
        reported_at = stamp(report.get("timestamp")) or now
        newest = self._newest.get(backend_id)
        if newest is not None and reported_at < newest:
            return
        self._newest[backend_id] = reported_at
        if failed:
            self.lost.add(backend_id)
        else:
            self.lost.discard(backend_id)

    def note_pools(self, reported: Mapping[str, PoolState], set_aside: Sequence[tuple[str, str]]) -> None:
        """These are the pools as they were last reported when a question is asked.

        Cinder goes over to a report that is not from before the last time it took room in the pool.
        """
        self.once_aside.update(name for name, _ in set_aside)
        for pool_id, pool in reported.items():
            if pool_id not in self._basis or not self.consumed_after(pool_id, pool.updated):
                self._basis[pool_id] = pool

    def basis(self, pool: PoolState) -> PoolState:
        """The report that Cinder's figures of a pool go back to; `pool` is the last one."""
        return self._basis.get(pool.pool_id, pool)

    # -- room ----------------------------------------------------------------------------------------------------

    def note_answer(self, theirs: Answer, placed: Place | None, now: datetime, *, looked: bool) -> None:
        """Cinder answered a question, and took room in a pool."""
        self.stalled = theirs.failure is not None and not theirs.failure.meant and not theirs.passes
        self.once_stalled = self.once_stalled or self.stalled
        if looked:
            for pool_id in [pool_id for pool_id in self._consumed if pool_id not in theirs.figures]:
                del self._consumed[pool_id]  # a pool that comes back comes back as new
                self._basis.pop(pool_id, None)
        if placed is not None:
            self._consumed[placed[0]] = now

    def place(self, volume_id: str, placed: Place | None, undone: str | None) -> tuple[Place | None, Place | None]:
        """Cinder placed a volume (or did not), after it gave back what it held for it in the pool `undone`.

        Returns where it holds the volume's room now, and where it goes on holding room for it besides.
        """
        held = self._held.get(volume_id)
        if held is not None and held[0] == undone:
            held = None
        now, besides = (placed, held) if placed is not None else (held, None)
        if now is not None:
            self._held[volume_id] = now
        else:
            self._held.pop(volume_id, None)
        return now, besides

    def held_for(self, volume_id: Any) -> Place | None:
        """Where Cinder holds room for a volume, from an earlier request."""
        return self._held.get(volume_id) if isinstance(volume_id, str) else None

    def consumed_at(self, pool_id: str) -> datetime | None:
        """When Cinder last took room in a pool."""
        return self._consumed.get(pool_id)

    def consumed_after(self, pool_id: str, moment: datetime | None) -> bool:
        """Whether Cinder took room in a pool after this moment."""
        last = self._consumed.get(pool_id)
        return last is not None and moment is not None and last > moment


def same_report(figures: Figures, pool: PoolState) -> bool:
    """Whether figures are those of a reported pool, whatever was taken from or given back to it since."""
    free, allocated, provisioned = figures
    if not isinstance(allocated, int | float) or not isinstance(provisioned, int | float):
        return False
    if not same_number(provisioned - allocated, pool.provisioned_gb - pool.allocated_gb):
        return False
    if not isinstance(free, int | float):
        return same_number(free, pool.free_gb)
    return same_number(free + allocated, pool.free_gb + pool.allocated_gb)
