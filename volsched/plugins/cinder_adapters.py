"""Adapters for filters and weighers that were written for Cinder; selected as `cinder:ClassName`.

Cinder is not imported here. An adapted class imports what it needs itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from volsched.exceptions import PluginError
from volsched.model.candidates import Candidates
from volsched.model.decision import Screening
from volsched.model.pool import PoolState
from volsched.model.request import RequestSpec
from volsched.model.serialization import plain
from volsched.plugins import ColumnFilter, ColumnWeigher


class BackendFilter(Protocol):
    """The interface of a Cinder filter."""

    def backend_passes(self, backend_state: Any, filter_properties: Mapping[str, Any]) -> bool:
        """Return whether the backend passes."""
        ...


class HostWeigher(Protocol):
    """The interface of a Cinder weigher."""

    minval: float | None
    maxval: float | None

    def weight_multiplier(self) -> float:
        """Return the factor of its weights."""
        ...

    def _weigh_object(self, host_state: Any, weight_properties: Mapping[str, Any]) -> float: ...


#: The modules of Cinder's base classes, and the methods and attributes of theirs that the adapters do not call.
BASE_MODULES = frozenset(
    {
        "cinder.scheduler.base_filter",
        "cinder.scheduler.base_weight",
        "cinder.scheduler.filters",
        "cinder.scheduler.weights",
    }
)
UNSUPPORTED_IN_FILTERS = ("filter_all", "_filter_one", "host_passes")
UNSUPPORTED_IN_WEIGHERS = ("weigh_objects", "minval", "maxval")


def _check_overrides(adapted: type, unsupported: tuple[str, ...]) -> None:
    """Raise PluginError where a class overrides what its adapter would ignore."""
    for name in unsupported:
        owner = next((it for it in adapted.__mro__ if name in vars(it)), None)
        if owner is not None and owner.__module__ not in BASE_MODULES and vars(owner)[name] is not None:
            problem = f"{owner.__module__}:{owner.__name__} overrides {name}, which the adapter does not support"
            raise PluginError(adapted.__name__, problem)


class CinderFilter(ColumnFilter):
    """A Cinder filter as a volsched filter. It judges one pool at a time."""

    contract = (1, 0)

    def __init__(self, name: str, adapted: BackendFilter) -> None:
        self.name = name
        self.adapted = adapted

    def screen(self, request: RequestSpec, candidates: Candidates) -> Screening:
        """Call `backend_passes` for every candidate. Cinder's filters return no reason; the name is the reason."""
        properties = filter_properties(request)
        verdicts = (bool(self.adapted.backend_passes(backend_state(pool), properties)) for pool in candidates)
        passed = np.fromiter(verdicts, np.bool_, len(candidates))
        return Screening(passed, lambda position: f"rejected by {self.name} of Cinder, which gives no reason")


class CinderWeigher(ColumnWeigher):
    """A Cinder weigher as a volsched weigher. It rates one pool at a time."""

    contract = (1, 0)

    def __init__(self, name: str, adapted: HostWeigher) -> None:
        self.name = name
        self.adapted = adapted
        self.multiplier = float(adapted.weight_multiplier())

    def weigh(self, request: RequestSpec, candidates: Candidates) -> NDArray[np.float64]:
        """Call `_weigh_object` for every candidate."""
        properties = filter_properties(request)
        weights = (float(self.adapted._weigh_object(backend_state(pool), properties)) for pool in candidates)
        return np.fromiter(weights, np.float64, len(candidates))


def adapted_filter(adapted: type[BackendFilter]) -> type[CinderFilter]:
    """Return a volsched filter class for a Cinder filter class. Raise PluginError for unsupported overrides."""
    _check_overrides(adapted, UNSUPPORTED_IN_FILTERS)

    class AdaptedFilter(CinderFilter):
        __doc__ = adapted.__doc__
        contract = (1, 0)

        def __init__(self) -> None:
            super().__init__(adapted.__name__, adapted())

    return AdaptedFilter


def adapted_weigher(adapted: type[HostWeigher]) -> type[CinderWeigher]:
    """Return a volsched weigher class for a Cinder weigher class. Raise PluginError for unsupported overrides."""
    _check_overrides(adapted, UNSUPPORTED_IN_WEIGHERS)

    class AdaptedWeigher(CinderWeigher):
        __doc__ = adapted.__doc__
        contract = (1, 0)

        def __init__(self) -> None:
            super().__init__(adapted.__name__, adapted())

    return AdaptedWeigher


def filter_properties(request: RequestSpec) -> dict[str, Any]:
    """Return the request as a new dict in Cinder's form, which plugins may change."""
    volume_type = None
    if request.volume_type is not None:
        volume_type = plain(request.volume_type)
    properties = dict(request.properties)
    request_spec = {
        "volume_id": request.volume_id,
        "group_id": request.group_id,
        "snapshot_id": request.snapshot_id,
        "operation": request.operation.value,
        "volume_properties": properties,
        "resource_properties": properties,
        "volume_type": volume_type,
        "availability_zones": list(request.zones) or None,
    }
    made: dict[str, Any] = {
        "context": _context(request),
        "request_spec": request_spec,
        "config_options": {},
        "volume_type": volume_type or {},
        "resource_type": volume_type or {},
        "size": request.size_gb,
        "new_size": request.new_size_gb,
        "availability_zone": request.zone,
        "user_id": request.user_id,
        "metadata": dict(request.metadata),
        "qos_specs": dict(request.qos_specs) if request.qos_specs is not None else None,
        "scheduler_hints": dict(request.hints),
    }
    if request.retry is not None:
        made["retry"] = plain(request.retry)
    if request.exists_on is not None:
        made["vol_exists_on"] = request.exists_on
    return made


def _context(request: RequestSpec) -> Any:
    from oslo_context.context import RequestContext  # slow to import, and few plugins use it

    return RequestContext(user_id=request.user_id, project_id=request.project_id, is_admin=request.is_admin)


def backend_state(pool: PoolState) -> SimpleNamespace:
    """Return a pool as an object in Cinder's form."""
    protocol = pool.storage_protocol
    return SimpleNamespace(
        host=f"{pool.host}#{pool.name}",
        cluster_name=f"{pool.cluster_name}#{pool.name}" if pool.cluster_name else None,
        backend_id=pool.pool_id,
        pool_name=pool.name,
        capabilities=pool.capabilities,
        service={"host": pool.host, "cluster_name": pool.cluster_name, "availability_zone": pool.zone},
        updated=pool.updated or datetime.min,
        volume_backend_name=pool.volume_backend_name,
        vendor_name=pool.vendor_name,
        driver_version=pool.driver_version,
        storage_protocol=list(protocol) if isinstance(protocol, tuple) else protocol,
        QoS_support=pool.qos_support,
        total_capacity_gb=_capacity(pool.total_gb),
        free_capacity_gb=_capacity(pool.free_gb),
        allocated_capacity_gb=pool.allocated_gb,
        provisioned_capacity_gb=pool.provisioned_gb,
        reserved_percentage=pool.reserved_percentage,
        max_over_subscription_ratio=pool.max_over_subscription_ratio,
        thin_provisioning_support=pool.thin,
        thick_provisioning_support=pool.thick,
        multiattach=pool.multiattach,
        filter_function=pool.filter_function,
        goodness_function=pool.goodness_function,
    )


def _capacity(gb: float) -> float | str:
    """Return a capacity in Cinder's form: `infinite` where unbounded, `unknown` where not reported."""
    if math.isnan(gb):
        return "unknown"
    return "infinite" if math.isinf(gb) else gb
