"""Where the volumes of a pool would go, before any of them moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from volsched.api.validation import question
from volsched.model.claim import Claim
from volsched.model.context import plain_context
from volsched.model.decision import Decision
from volsched.model.ports import Clock
from volsched.model.request import Operation
from volsched.model.volume import Volume, VolumeStatus

if TYPE_CHECKING:
    from volsched.api.queries import VolumeDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A volume, and where it would go; `pool_id` None: nowhere, and why."""

    volume: Volume
    pool_id: str | None = None
    why: str = ""


class DryRunner(Protocol):
    """A scheduler driver, as far as it is asked here."""

    def dry_run(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        operation: Operation,
    ) -> Decision: ...


class AssumingPools(Protocol):
    """Pools in which room can be assumed to be taken, in this process, until they are looked at anew."""

    def claimed(self, claim: Claim) -> None: ...

    def renew(self) -> bool: ...


class Draining:
    """Plans. Each volume is decided as if those before it had moved; nothing is kept."""

    def __init__(self, db: VolumeDatabase, driver: DryRunner, pools: AssumingPools, clock: Clock) -> None:
        self._db = db
        self._driver = driver
        self._pools = pools
        self._clock = clock

    def plan(self, context: Any, pool_id: str, *, any_zone: bool = False) -> Sequence[Going]:
        """Where each volume of the pool would go, the largest first, for it is the hardest to place.

        `any_zone`: they may leave the zone that they are in.
        """
        volumes = sorted(self._db.volumes.list(host=pool_id), key=lambda volume: (-volume.size_gb, volume.id))
        kept = {snapshot.volume_id for snapshot in self._db.snapshots.list()}
        self._pools.renew()
        try:
            return [self._going(plain_context(context), volume, pool_id, kept, any_zone=any_zone) for volume in volumes]
        finally:
            self._pools.renew()  # what was assumed is forgotten

    def _going(
        self, context: Mapping[str, Any], volume: Volume, source: str, kept: set[str], *, any_zone: bool
    ) -> Going:
        held = _held(volume, kept)
        if held is not None:
            return Going(volume=volume, why=held)
        kind = self._db.types.find(volume.volume_type_id) if volume.volume_type_id else None
        spec, properties = question(volume, kind, None)
        spec["operation"] = "migrate_volume"
        if any_zone:
            spec["availability_zones"] = None
        decision = self._driver.dry_run(context, spec, properties, Operation.MIGRATE)
        best = next((pool for pool in decision.ranked if pool.pool_id != source), None)
        if best is None:
            return Going(volume=volume, why="only the pool itself would do" if decision else decision.reason())
        key = f"{volume.id}/drain"
        self._pools.claimed(
            Claim(key=key, volume_id=volume.id, pool_id=best.pool_id, size_gb=volume.size_gb, made_at=self._clock())
        )
        return Going(volume=volume, pool_id=best.pool_id)


def _held(volume: Volume, kept: set[str]) -> str | None:
    """Why a volume cannot be moved now, wherever there is room."""
    if volume.status is not VolumeStatus.AVAILABLE:
        return f"it is {volume.status.value}; only an available volume can be moved"
    if volume.attach_status != "detached":
        return f"it is {volume.attach_status}; detach it first"
    return "it has snapshots, which cannot be moved" if volume.id in kept else None
