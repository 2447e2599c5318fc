"""What is asked of the scheduler, parsed once at the door."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from volsched.model.serialization import NOTHING, Serializable
from volsched.model.work import Lease


class Operation(StrEnum):
    """What the room is wanted for. Pools can be cordoned by these words."""

    CREATE = "create"
    EXTEND = "extend"
    MANAGE = "manage"
    MIGRATE = "migrate"
    RETYPE = "retype"
    SNAPSHOT = "snapshot"
    GROUP = "group"
    QUERY = "query"


class Draws(Protocol):
    """Where random choices come from; asked once per purpose and request."""

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """`count` numbers in [0, 1) for `purpose` (a plugin's name)."""
        ...


class SeededDraws(msgspec.Struct, frozen=True):
    """Draws that follow from the volume's id alone, so that a decision can be repeated."""

    seed: str

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        words = np.frombuffer(f"{self.seed}/{purpose}".encode(), dtype=np.uint8)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist()))).random(count)


class VolumeType(Serializable, frozen=True, kw_only=True):
    """A kind of volume that an operator offers: its extra specs are what a pool must be able to do."""

    id: str | None = None
    name: str | None = None
    extra_specs: Mapping[str, Any] = NOTHING
    qos_specs: Mapping[str, Any] | None = None
    description: str | None = None
    is_public: bool = True

    @property
    def thick_only(self) -> bool:
        """The extra spec `provisioning:type` is exactly `thick`."""
        return bool(self.extra_specs.get("provisioning:type") == "thick")


class Retry(Serializable, frozen=True, kw_only=True):
    """What earlier attempts at the same request tried. `backends` are pool ids, oldest first."""

    num_attempts: int
    backends: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    exc: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What plugins may need to know beyond the request, fetched before filtering, in one query a kind.

    Only what some selected plugin `needs` is filled in.
    """

    # volume id named in a hint -> pool_id or cluster pool_id it lives in
    volume_backends: Mapping[str, str] = NOTHING
    instance_host: str | None = None  # the hypervisor host of the hint local_to_instance
    instance_problem: Exception | None = None  # why instance_host is not known: for the filter to raise
    # host of volumes (host@backend#pool) -> how many undeleted ones
    volume_counts: Mapping[str, int] = NOTHING


class RequestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One scheduling question. Sizes are GiB."""

    operation: Operation = Operation.CREATE
    volume_id: str | None = None
    group_id: str | None = None
    snapshot_id: str | None = None
    size_gb: float = 0
    new_size_gb: float | None = None  # extend only
    project_id: str | None = None
    user_id: str | None = None
    is_admin: bool = False
    zones: tuple[str | None, ...] = ()  # any of these; empty: see `zone`
    zone: str | None = None  # exactly this one; None: any
    volume_type: VolumeType | None = None
    qos_specs: Mapping[str, Any] | None = None
    # volume_properties as received: what expressions call `volume`
    properties: Mapping[str, Any] = NOTHING
    metadata: Mapping[str, Any] = NOTHING
    attach_status: str | None = None
    hints: Mapping[str, Any] = NOTHING  # scheduler_hints as received, checked
    retry: Retry | None = None
    exists_on: str | None = None  # the pool (or backend) the volume already takes room in
    resource_backend: str | None = None  # only this pool or backend will do
    facts: Facts = Facts()
    draws: Draws = SeededDraws("")
    fence: Lease | None = None  # the lease this question is asked under; a claim is refused when it is gone
    config_generation: int = 0

    @property
    def extra_specs(self) -> Mapping[str, Any]:
        return self.volume_type.extra_specs if self.volume_type is not None else NOTHING

    @property
    def thin(self) -> bool:
        """False only where the volume type insists on thick."""
        return self.volume_type is None or not self.volume_type.thick_only

    @property
    def wanted_gb(self) -> float:
        """The room to take: the growth of an extend, else the size."""
        if self.new_size_gb:
            return int(self.new_size_gb) - int(self.size_gb)
        return self.size_gb

    @property
    def subject(self) -> str:
        """What an error calls the thing that was to be placed."""
        return subject_of(self.volume_id, self.group_id, self.snapshot_id)


def subject_of(volume_id: str | None, group_id: str | None, snapshot_id: str | None) -> str:
    """What an error calls the thing of these ids that was to be placed."""
    for kind, name in (("volume", volume_id), ("group", group_id), ("snapshot", snapshot_id)):
        if name:
            return f"{kind} {name}"
    return "volume (without an id)"
