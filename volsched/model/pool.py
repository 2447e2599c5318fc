"""The state of a pool: the part of a storage backend that volumes are placed on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from volsched.model.serialization import NOTHING


class PoolState(msgspec.Struct, frozen=True, kw_only=True):
    """One pool at one instant: its report, less the claims that are newer than the report.

    All capacities are GiB. `inf` means unbounded (reported as ``infinite``), `nan` means not reported (``unknown``).
    """

    pool_id: str  # host@backend#pool, or cluster@backend#pool
    backend_id: str  # host@backend, or the cluster's name where the service has one
    name: str  # the part after '#'
    host: str  # host@backend of the service that reported
    cluster_name: str | None = None
    zone: str | None = None
    total_gb: float = 0.0
    free_gb: float = 0.0
    allocated_gb: float = 0.0
    provisioned_gb: float = 0.0
    reserved_percentage: float = 0.0
    max_over_subscription_ratio: float = 1.0  # resolved: 1.0 for a pool that is not thin
    thin: bool = False  # thin_provisioning_support
    thick: bool = False  # thick_provisioning_support
    multiattach: bool = False
    qos_support: bool = False
    volume_backend_name: str | None = None
    vendor_name: str | None = None
    driver_version: str | None = None
    storage_protocol: str | tuple[str, ...] | None = None  # a family (iSCSI, iscsi) is a tuple of its spellings
    filter_function: str | None = None
    goodness_function: str | None = None
    updated: datetime | None = None  # when the figures were true: the report's time stamp, or that of the last claim
    # as reported, with what it inherits; read-only
    capabilities: Mapping[str, Any] = NOTHING
    # operations that an operator closed this pool for, each with the reason
    cordoned: Mapping[str, str] = NOTHING

    @property
    def cluster_pool_id(self) -> str | None:
        """The `cluster_name` in the rows of volumes here: cluster@backend#pool."""
        return f"{self.cluster_name}#{self.name}" if self.cluster_name else None

    def is_named(self, name: str) -> bool:
        """Return whether this is the pool of that id, or one of the backend of that id."""
        return name in (self.pool_id, self.backend_id)

    @property
    def bounded(self) -> bool:
        """Whether total and free capacity are finite, so that room can be computed."""
        return self.total_gb - self.total_gb == 0.0 and self.free_gb - self.free_gb == 0.0
