"""Builders of values for tests, which set only the fields that matter: `a_pool("full", free_gb=0.0)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from volsched.model.candidates import PoolTable
from volsched.model.event import Event, Priority
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport
from volsched.model.request import RequestSpec, VolumeType
from volsched.model.volume import Volume, VolumeStatus
from volsched.plugins.backends import Attempt

NOON = datetime(2026, 3, 1, 12, 0, 0)
VOLUME_ID = "5a1f0c1e-0000-4000-8000-000000000001"
PROJECT_ID = "0f3c5d0a0000400080000000000000aa"
TOTAL_GB = 1000.0

# Builders accept all fields of the value as keyword arguments.


def a_pool(name: str = "pool", *, backend: str = "node1@disk", **fields: Any) -> PoolState:
    """Return a thick pool of 1000 GiB in zone nova, all free unless `free_gb` is given.

    `backend` is host@backend; `capabilities` are added to those of the other fields.
    """
    cluster = fields.get("cluster_name")
    total_gb = fields.get("total_gb", TOTAL_GB)
    free_gb = fields.get("free_gb", total_gb)
    used_gb = max(total_gb - free_gb, 0.0) if total_gb - free_gb == total_gb - free_gb else 0.0
    values: dict[str, Any] = {
        "pool_id": f"{cluster or backend}#{name}",
        "backend_id": cluster or backend,
        "host": backend,
        "zone": "nova",
        "total_gb": total_gb,
        "free_gb": free_gb,
        "allocated_gb": used_gb,
        "provisioned_gb": used_gb,
        "thick": not fields.get("thin", False),
        "volume_backend_name": backend.partition("@")[2] or backend,
        "vendor_name": "Acme",
        "driver_version": "1.0",
        "storage_protocol": "file",
        "updated": NOON,
        **fields,
    }
    reported = {
        "pool_name": name,
        "volume_backend_name": values["volume_backend_name"],
        "vendor_name": values["vendor_name"],
        "thin_provisioning_support": values.get("thin", False),
        "thick_provisioning_support": values["thick"],
        **fields.get("capabilities", {}),
    }
    return PoolState(name=name, **{**values, "capabilities": MappingProxyType(reported)})


def a_pool_table(*pools: PoolState | int) -> PoolTable:
    """Return the table of these pools, or of a number of equal pools (`a_pool_table(5)`)."""
    listed: list[PoolState] = []
    for given in pools:
        if isinstance(given, int):
            listed.extend(a_pool(f"pool{number}") for number in range(len(listed), len(listed) + given))
        else:
            listed.append(given)
    return PoolTable(listed)


def a_volume_type(name: str = "gold", extra_specs: Mapping[str, Any] | None = None, **fields: Any) -> VolumeType:
    """Return a volume type with these extra specs."""
    return VolumeType(**{"id": f"type-{name}", "name": name, "extra_specs": extra_specs or {}, **fields})


def a_request(size_gb: float = 10, *, extra_specs: Mapping[str, Any] | None = None, **fields: Any) -> RequestSpec:
    """Return a request to create a volume of this size, with a volume type of these `extra_specs` if given."""
    if extra_specs is not None:
        fields.setdefault("volume_type", a_volume_type(extra_specs=extra_specs))
    properties = {"size": size_gb, "display_name": "a volume"}
    return RequestSpec(
        **{"volume_id": VOLUME_ID, "project_id": PROJECT_ID, "properties": properties, "size_gb": size_gb, **fields}
    )


def a_volume(size_gb: int = 1, **fields: Any) -> Volume:
    """Return a volume in status `creating`."""
    made: dict[str, Any] = {"id": VOLUME_ID, "project_id": PROJECT_ID, "user_id": "a-user", "size_gb": size_gb}
    return Volume(**{**made, "status": VolumeStatus.CREATING, **fields})


def an_attempt(
    volume: Volume,
    pool: str = "pool",
    number: int = 1,
    *,
    work_id: str = "",
    check: Callable[[], object] = lambda: None,
) -> Attempt:
    """An attempt at a work item of this volume. `check` is called before each step that cannot be taken back."""
    return Attempt(volume=volume, pool=pool, work_id=work_id or f"work-{volume.id}", number=number, check=check)


def an_event(event_id: str = "an-event", **fields: Any) -> Event:
    """Return an event of a volume."""
    made: dict[str, Any] = {
        "id": event_id,
        "event_type": "scheduler.create_volume",
        "priority": Priority.INFO,
        "occurred_at": NOON.isoformat(),
        "publisher": "scheduler.test",
        "volume_id": VOLUME_ID,
        "project_id": PROJECT_ID,
        "payload": {"size_gb": 1, "reason": None},
    }
    return Event(**{**made, **fields})


def a_report(
    backend: str = "node1@disk", pools: Sequence[Mapping[str, Any]] = ({},), **capabilities: Any
) -> CapabilityReport:
    """Return a capability report. `pools` has the capabilities of each pool that differ from those of an empty one.

    The default names are pool0, pool1… `timestamp` and `cluster_name` are accepted as well.
    """
    timestamp = capabilities.pop("timestamp", NOON)
    cluster_name = capabilities.pop("cluster_name", None)
    reported = [
        {
            "pool_name": f"pool{number}",
            "total_capacity_gb": TOTAL_GB,
            "free_capacity_gb": TOTAL_GB,
            "allocated_capacity_gb": 0,
            "provisioned_capacity_gb": 0,
            "reserved_percentage": 0,
            "thin_provisioning_support": False,
            "thick_provisioning_support": True,
            "max_over_subscription_ratio": "20.0",
            **pool,
        }
        for number, pool in enumerate(pools)
    ]
    return CapabilityReport(
        service_name="volume",
        host=backend,
        cluster_name=cluster_name,
        timestamp=timestamp,
        capabilities={
            "volume_backend_name": backend.partition("@")[2] or backend,
            "vendor_name": "Acme",
            "driver_version": "1.0",
            "storage_protocol": "file",
            "pools": reported,
            **capabilities,
        },
    )
