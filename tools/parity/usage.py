"""Cinder's capacity notifications, replayed: which pools changed between two reports, and their capacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from volsched.model import capacity
from volsched.model.parsing import pools_from
from volsched.model.report import CapabilityReport, ServiceState
from volsched.placement.registry import Registry

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


class UsageRegistry(Registry):
    """A registry that also remembers, as Cinder does, which report the last capacity notification was about.

    Cinder compares time stamps with one another only: by a clock at the end of the calendar, no stamp is in the future.
    """

    def __init__(self, default_ratio: str, **options: Any) -> None:
        super().__init__(default_ratio, clock=lambda: datetime.max, **options)
        self._notified: dict[str, CapabilityReport | None] = {}

    def _keep(self, report: CapabilityReport) -> None:
        first = not self._notified
        key = report.backend_id
        old = self._reports.get(key)
        if (
            report.service_name == "volume"
            and comparable(report.capabilities)
            and not changed_pools(_capabilities(old), report.capabilities)
        ):
            notified = self._notified.get(key)
            if old is None or notified is None or notified.timestamp < old.timestamp:
                self._notified[key] = old
        super()._keep(report)
        if first and report.service_name == "volume":
            self.table()

    def first_received(self) -> bool:
        """Return whether reports have begun to repeat, some backend takes part, and none that is up is missing."""
        return bool(self._notified) and bool(self._map.backends) and self.ready()

    def usage_changes(self, report: CapabilityReport) -> tuple[Mapping[str, Any], ...]:
        """Return the usage records (one for each changed pool, one for the backend) of a capacity notification."""
        fit = self._fit(report) if report.service_name == "volume" else None
        if fit is None:
            return ()
        key = fit.backend_id
        stored = self._reports.get(key)
        shown = changed = changed_pools(_capabilities(stored), fit.capabilities)
        if stored is not None and fit.timestamp <= stored.timestamp:
            return ()
        if stored is not None and not changed:
            changed = changed_pools(_capabilities(self._notified.get(key)), stored.capabilities)
            backend = self._map.backends.get(key)
            applied = backend.applied if backend is not None else None
            # What a pool table had already counts in the sum only.
            shown = () if applied is not None and applied[0] is stored else changed
        if not changed:
            return ()
        self._notified[key] = fit
        return usage_of(shown, fit, self._default_ratio)


def _capabilities(report: CapabilityReport | None) -> Any:
    return None if report is None else report.capabilities


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
    changed: Sequence[Mapping[str, Any]], report: CapabilityReport, default_ratio: str
) -> tuple[Mapping[str, Any], ...]:
    """Return one record for each pool of the report that is among `changed`, and one of the sums of all its pools.

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
        if reported in changed:
            records.append({"type": "pool", "name_to_id": pool.pool_id, **figures, "reported_at": reported_at})
        for key, value in figures.items():
            sums[key] += value
    return (*records, {"type": "backend", "name_to_id": report.backend_id, **sums, "reported_at": reported_at})
