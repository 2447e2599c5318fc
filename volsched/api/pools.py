"""Pools: their capacity, cordons, and plans to drain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from volsched.api.resources import ApiService
from volsched.api.validation import scheduler_request
from volsched.db.backends import PoolRecord
from volsched.exceptions import InvalidRequest
from volsched.model import capacity
from volsched.model.claim import Claim, drain_key
from volsched.model.request import Operation
from volsched.model.volume import Volume, VolumeStatus

#: The operations that a pool can be cordoned for.
CORDON_OPERATIONS = tuple(operation for operation in Operation if operation is not Operation.QUERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool as operators see it. Sizes are GiB; None: unbounded or unknown."""

    record: PoolRecord
    zone: str | None  # of its backend, now
    problem: str | None = None  # why its last report cannot be used
    capabilities: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # filled in by `get` only

    @property
    def id(self) -> str:
        return self.record.pool_id

    @property
    def limit_gb(self) -> float | None:
        """The largest sum of volume sizes that the pool accepts."""
        record = self.record
        if record.total_gb is None or record.free_gb is None:
            return None
        ratio = record.max_over_subscription_ratio or 1.0
        reserved = record.reserved_percentage or 0.0
        return float(capacity.total_available_gb(record.total_gb, reserved, ratio, record.thin))

    @property
    def room_gb(self) -> float | None:
        """The size of the largest volume that fits now."""
        room = self.record.room_thin_gb if self.record.thin else self.record.room_thick_gb
        return None if room is None else round(max(room - self.record.pending_gb, 0.0), 2)

    @property
    def taken_gb(self) -> float | None:
        """The part of the limit that is taken."""
        limit, room = self.limit_gb, self.room_gb
        return None if limit is None or room is None else round(limit - room, 2)

    @property
    def cordoned_for(self) -> tuple[Operation, ...]:
        """The operations that the pool is cordoned for at this moment."""
        now = datetime.now(UTC).replace(tzinfo=None)
        return tuple(cordon.operation for cordon in self.record.cordons if cordon.holds(now))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    """A volume of a pool that is to be drained, and the pool that it would move to."""

    volume: Volume
    pool_id: str | None = None  # None: it cannot be moved now
    reason: str = ""  # why not


class PoolService(ApiService):
    """Pools, named host@backend#pool. Each method raises PoolNotFound for an unknown one."""

    def get(self, pool_id: str) -> Pool:
        """Return a pool with its capabilities."""
        self._check("pool:list")
        self._resources.request_worker.prepare()
        return self._get(pool_id)

    def list(self) -> Sequence[Pool]:
        """Return all pools, by id, without their capabilities."""
        self._check("pool:list")
        self._resources.request_worker.prepare()
        backends = self._resources.backends.list()
        return [
            Pool(record=record, zone=backend.zone, problem=dict(backend.problems).get(record.pool_id))
            for backend in backends
            for record in backend.pools
        ]

    def cordon(
        self,
        pool_id: str,
        operations: Sequence[Operation | str] = CORDON_OPERATIONS,
        *,
        reason: str,
        until: datetime | None = None,
    ) -> Pool:
        """Refuse operations in a pool; its volumes stay. `until`: when the cordon ends by itself, in UTC."""
        self._check("pool:cordon")
        self._resources.request_worker.prepare()
        if until is not None:
            until = _future(until)
        self._resources.backends.cordon(pool_id, _operations(operations), reason=reason, until=until)
        return self._get(pool_id)

    def uncordon(self, pool_id: str, operations: Sequence[Operation | str] = CORDON_OPERATIONS) -> Pool:
        """Accept operations in a cordoned pool again."""
        self._check("pool:cordon")
        self._resources.request_worker.prepare()
        self._resources.backends.uncordon(pool_id, _operations(operations))
        return self._get(pool_id)

    def adopt(self, pool_id: str) -> None:
        """Accept the storage that a pool has now: with the next report of its agent, in the embedded form at once.

        Raises BackendNotFound: a pool that was never accepted is not known yet.
        """
        self._check("pool:adopt")
        self._resources.request_worker.prepare()
        self._resources.backends.show(pool_id.partition("#")[0])
        self._resources.storage.accept(pool_id)
        self._resources.request_worker.report()

    def plan_drain(self, pool_id: str, *, any_zone: bool = False) -> Sequence[PlannedMove]:
        """Return where each volume of the pool would move, the largest first. Nothing is moved or stored.

        Each volume is placed as if those before it had moved. `any_zone`: volumes may leave their availability zone.
        """
        self._check("pool:drain")
        worker, pools = self._resources.request_worker, self._resources.pools
        worker.prepare()
        self._resources.backends.pool(pool_id)
        volumes = sorted(self._db.volumes.list(host=pool_id), key=lambda volume: (-volume.size_gb, volume.id))
        with_snapshots = {snapshot.volume_id for snapshot in self._db.snapshots.list()}
        with worker.exclusive():
            pools.renew()
            try:
                return [self._planned(volume, pool_id, with_snapshots, any_zone=any_zone) for volume in volumes]
            finally:
                pools.renew()  # forget the assumed claims

    def _planned(self, volume: Volume, pool_id: str, with_snapshots: set[str], *, any_zone: bool) -> PlannedMove:
        immovable = _immovable(volume, with_snapshots)
        if immovable is not None:
            return PlannedMove(volume=volume, reason=immovable)
        kind = self._db.types.find(volume.volume_type_id) if volume.volume_type_id else None
        spec, properties = scheduler_request(volume, kind)
        spec["operation"] = "migrate_volume"
        if any_zone:
            spec["availability_zones"] = None
        decision = self._resources.driver.dry_run(self._context, spec, properties)
        best = next((pool for pool in decision.ranked if pool.pool_id != pool_id), None)
        if best is None:
            reason = "no other pool fits" if decision else decision.reason()
            return PlannedMove(volume=volume, reason=reason)
        self._resources.pools.claimed(
            Claim(
                key=drain_key(volume.id),
                volume_id=volume.id,
                pool_id=best.pool_id,
                size_gb=volume.size_gb,
                made_at=datetime.now(UTC).replace(tzinfo=None),
            )
        )
        return PlannedMove(volume=volume, pool_id=best.pool_id)

    def _get(self, pool_id: str) -> Pool:
        record = self._resources.backends.pool(pool_id)
        zone = self._resources.backends.show(record.backend_id).zone
        table = self._resources.pools.table()
        row = table.row(record.pool_id)
        capabilities = table.pools[row].capabilities if row is not None else {}
        return Pool(record=record, zone=zone, capabilities=capabilities)


def _immovable(volume: Volume, with_snapshots: set[str]) -> str | None:
    """Return why a volume cannot be moved to any pool now."""
    if volume.status is not VolumeStatus.AVAILABLE:
        return f"it is {volume.status.value}; only an available volume can be moved"
    if volume.attach_status != "detached":
        return f"it is {volume.attach_status}; detach it first"
    return "it has snapshots, which cannot be moved" if volume.id in with_snapshots else None


def _operations(given: Sequence[Operation | str]) -> list[Operation]:
    known = [operation.value for operation in CORDON_OPERATIONS]
    for operation in given:
        if operation not in known:
            raise InvalidRequest("operation", f"expected one of {', '.join(known)}, got {str(operation)!r}")
    return [Operation(operation) for operation in given]


def _future(until: datetime) -> datetime:
    """Return the time in naive UTC. Raises InvalidRequest unless it is in the future."""
    now = datetime.now(UTC).replace(tzinfo=None)
    if until.tzinfo is not None:
        until = until.astimezone(UTC).replace(tzinfo=None)
    if until <= now:
        raise InvalidRequest(
            "until", f"expected a time in the future, got {until:%Y-%m-%dT%H:%M}; it is {now:%Y-%m-%dT%H:%M} UTC now"
        )
    return until
