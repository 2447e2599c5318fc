"""Requests to the scheduler, parsed."""

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
    """The operations that need room. Pools are cordoned for operations by these names."""

    CREATE = "create"
    EXTEND = "extend"
    MANAGE = "manage"
    MIGRATE = "migrate"
    RETYPE = "retype"
    SNAPSHOT = "snapshot"
    GROUP = "group"
    QUERY = "query"


class Draws(Protocol):
    """The source of random numbers for plugins."""

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """Return `count` numbers in [0, 1) for `purpose` (a plugin's name)."""
        ...


class SeededDraws(msgspec.Struct, frozen=True):
    """Random numbers that depend on the seed (the volume's id) only, so that a decision can be repeated."""

    seed: str

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        words = np.frombuffer(f"{self.seed}/{purpose}".encode(), dtype=np.uint8)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist()))).random(count)


class VolumeType(Serializable, frozen=True, kw_only=True):
    """A volume type. Its extra specs are requirements on pools."""

    id: str | None = None
    name: str | None = None
    extra_specs: Mapping[str, Any] = NOTHING
    qos_specs: Mapping[str, Any] | None = None
    description: str | None = None
    is_public: bool = True

    @property
    def thick_only(self) -> bool:
        """Whether the extra spec `provisioning:type` is exactly `thick`."""
        return bool(self.extra_specs.get("provisioning:type") == "thick")


class Retry(Serializable, frozen=True, kw_only=True):
    """The earlier attempts at a request. `backends` are pool ids, oldest first."""

    num_attempts: int
    backends: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    exc: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts beside the request that plugins `need`, fetched before filtering with one query each."""

    # id of a volume in a hint -> its pool_id or cluster pool_id
    volume_backends: Mapping[str, str] = NOTHING
    instance_host: str | None = None  # the hypervisor host of the hint local_to_instance
    instance_problem: Exception | None = None  # why instance_host is missing; the filter raises it
    # host of volumes (host@backend#pool) -> how many undeleted ones
    volume_counts: Mapping[str, int] = NOTHING


class RequestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A request for room in a pool. Sizes are GiB."""

    operation: Operation = Operation.CREATE
    volume_id: str | None = None
    group_id: str | None = None
    snapshot_id: str | None = None
    size_gb: float = 0
    new_size_gb: float | None = None  # extend only
    project_id: str | None = None
    user_id: str | None = None
    is_admin: bool = False
    zones: tuple[str | None, ...] = ()  # one of these is required; empty: see `zone`
    zone: str | None = None  # the required zone; None: any
    volume_type: VolumeType | None = None
    qos_specs: Mapping[str, Any] | None = None
    # volume_properties as received: `volume` in expressions
    properties: Mapping[str, Any] = NOTHING
    metadata: Mapping[str, Any] = NOTHING
    attach_status: str | None = None
    hints: Mapping[str, Any] = NOTHING  # scheduler_hints as received, checked
    retry: Retry | None = None
    exists_on: str | None = None  # the pool or backend where the volume is already
    resource_backend: str | None = None  # the only pool or backend that is allowed
    facts: Facts = Facts()
    draws: Draws = SeededDraws("")
    fence: Lease | None = None  # a claim is refused if this lease is no longer held
    config_generation: int = 0

    @property
    def extra_specs(self) -> Mapping[str, Any]:
        return self.volume_type.extra_specs if self.volume_type is not None else NOTHING

    @property
    def thin(self) -> bool:
        """Whether thin provisioning is accepted: always, unless the volume type requires thick."""
        return self.volume_type is None or not self.volume_type.thick_only

    @property
    def wanted_gb(self) -> float:
        """The room to claim: the growth of an extend, else the size."""
        if self.new_size_gb:
            return int(self.new_size_gb) - int(self.size_gb)
        return self.size_gb

    @property
    def subject(self) -> str:
        """The name of the object to place, for errors."""
        return subject_of(self.volume_id, self.group_id, self.snapshot_id)


def subject_of(volume_id: str | None, group_id: str | None, snapshot_id: str | None) -> str:
    """Return the name of the object with one of these ids, for errors."""
    for kind, name in (("volume", volume_id), ("group", group_id), ("snapshot", snapshot_id)):
        if name:
            return f"{kind} {name}"
    return "volume (without an id)"
