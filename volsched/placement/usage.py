"""What a capacity notification tells: which pools changed between two reports, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from volsched.model import capacity
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState

#: A pool takes part in comparisons when it reports all of these.
COMPARED = (
    "pool_name",
    "total_capacity_gb",
    "free_capacity_gb",
    "allocated_capacity_gb",
    "provisioned_capacity_gb",
    "thin_provisioning_support",
    "thick_provisioning_support",
    "max_over_subscription_ratio",
    "reserved_percentage",
)
_ABSENT = object()


def comparable(capabilities: Any) -> bool:
    """Whether what is listed as pools can be told apart by names at all."""
    return all(isinstance(pool, Mapping) for pool in _pools_of(capabilities))


def changed_pools(old: Any, new: Any) -> tuple[Mapping[str, Any], ...]:
    """The pools of the capabilities `new` that `old` does not have, or has otherwise; none where any is incomplete."""
    pools = _pools_of(new)
    if not pools or not all(_complete(pool) for pool in pools):
        return ()
    known = {}
    for pool in _pools_of(old):
        if isinstance(pool, Mapping) and isinstance(pool.get("pool_name"), str):
            known[pool["pool_name"]] = pool
    return tuple(pool for pool in pools if _differs(known.get(pool["pool_name"]), pool))


def _pools_of(capabilities: Any) -> Sequence[Any]:
    listed = capabilities.get("pools") if isinstance(capabilities, Mapping) else None
    return listed if isinstance(listed, list | tuple) else ()


def _complete(pool: Any) -> bool:
    return isinstance(pool, Mapping) and all(key in pool for key in COMPARED) and isinstance(pool["pool_name"], str)


def _differs(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    return old is None or any(old.get(key, _ABSENT) != new[key] for key in COMPARED)


def usage_of(
    told: Sequence[Mapping[str, Any]], report: CapabilityReport, default_ratio: str
) -> tuple[Mapping[str, Any], ...]:
    """One record for each pool of the report that is among `told`, and one of the sums of all its pools.

    Pools of unbounded or unknown size have no record and add nothing.
    """
    listed = _pools_of(report.capabilities)
    if not listed:
        return ()
    service = ServiceState(host=report.host, cluster_name=report.cluster_name)
    usable = {pool.name: pool for pool in pools_from(report, service, default_ratio).pools}
    reported_at = report.timestamp.isoformat()
    records: list[Mapping[str, Any]] = []
    sums = dict.fromkeys(("total", "free", "allocated", "provisioned", "virtual_free"), 0.0)
    for reported in listed:
        name = reported.get("pool_name") if isinstance(reported, Mapping) else None
        pool = usable.get(name) if isinstance(name, str) else None
        if pool is None or not pool.bounded:
            continue
        figures = {
            "total": pool.total_gb,
            "free": pool.free_gb,
            "allocated": pool.allocated_gb,
            "provisioned": pool.provisioned_gb,
            "virtual_free": capacity.room_gb(pool, thin=True),
        }
        if reported in told:
            records.append({"type": "pool", "name_to_id": pool.pool_id, **figures, "reported_at": reported_at})
        for key, value in figures.items():
            sums[key] += value
    return (*records, {"type": "backend", "name_to_id": report.backend_id, **sums, "reported_at": reported_at})
