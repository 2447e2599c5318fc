"""The attributes of a pool by their names in Cinder's scheduler; a JSON query reads them as `$name`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from volsched.model import columns
from volsched.model.candidates import CodedColumn, Column
from volsched.model.pool import PoolState

INFINITE = "infinite"
UNKNOWN = "unknown"


class Kind(Enum):
    """The type of an attribute's values, as far as it is the same for all pools."""

    NUMBER = "a number"
    TEXT = "text"
    LIST = "a list"
    MAPPING = "a mapping"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its kind, how to read it, and the column of its values."""

    kind: Kind
    read: Callable[[PoolState], Any]
    column: Column[Any] | CodedColumn


def _number(column: Column[Any]) -> Attribute:
    """Return an attribute whose values are numbers, `infinite` or `unknown`."""

    def read(pool: PoolState) -> float | str:
        value = float(column.read(pool))
        if math.isfinite(value):
            return value
        return UNKNOWN if math.isnan(value) else INFINITE

    return Attribute(Kind.NUMBER, read, column)


def _interned(name: str, kind: Kind, read: Callable[[PoolState], Any]) -> Attribute:
    return Attribute(kind, read, CodedColumn(name, read))


def _service(pool: PoolState) -> Mapping[str, Any]:
    return MappingProxyType(
        {"host": pool.host, "cluster_name": pool.cluster_name, "availability_zone": pool.zone, "disabled": False}
    )


ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType(
    {
        "total_capacity_gb": _number(columns.TOTAL_GB),
        "free_capacity_gb": _number(columns.FREE_GB),
        "allocated_capacity_gb": _number(columns.ALLOCATED_GB),
        "provisioned_capacity_gb": _number(columns.PROVISIONED_GB),
        "reserved_percentage": _number(columns.RESERVED_PERCENTAGE),
        "max_over_subscription_ratio": _number(columns.RATIO),
        "backend_id": _interned("pool_id", Kind.TEXT, lambda pool: pool.pool_id),
        "host": _interned("pool_host", Kind.TEXT, lambda pool: f"{pool.host}#{pool.name}"),
        "cluster_name": _interned("pool_cluster", Kind.TEXT, lambda pool: pool.cluster_pool_id),
        "pool_name": _interned("pool_name", Kind.TEXT, lambda pool: pool.name),
        "volume_backend_name": _interned("volume_backend_name", Kind.TEXT, lambda pool: pool.volume_backend_name),
        "vendor_name": _interned("vendor_name", Kind.TEXT, lambda pool: pool.vendor_name),
        "driver_version": _interned("driver_version", Kind.TEXT, lambda pool: pool.driver_version),
        "storage_protocol": _interned("storage_protocol", Kind.ANY, lambda pool: pool.storage_protocol),
        "thin_provisioning_support": _interned("thin", Kind.NUMBER, lambda pool: pool.thin),
        "thick_provisioning_support": _interned("thick", Kind.NUMBER, lambda pool: pool.thick),
        "multiattach": _interned("multiattach", Kind.NUMBER, lambda pool: pool.multiattach),
        "QoS_support": _interned("qos_support", Kind.NUMBER, lambda pool: pool.qos_support),
        "filter_function": _interned("filter_function", Kind.TEXT, lambda pool: pool.filter_function),
        "goodness_function": _interned(
            "goodness_function", Kind.ANY, lambda pool: pool.capabilities.get("goodness_function", 0)
        ),
        "capabilities": Attribute(Kind.MAPPING, lambda pool: pool.capabilities, columns.CAPABILITIES),
        "service": _interned("service", Kind.MAPPING, _service),
    }
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name.step.step`: an attribute or a value within it. `attribute` is None if there is none of that name."""

    text: str
    attribute: Attribute | None
    steps: tuple[str, ...]

    @property
    def kind(self) -> Kind | None:
        """The kind of its values; None if it never has one."""
        if self.attribute is None:
            return None
        return Kind.ANY if self.steps else self.attribute.kind

    def read(self, pool: PoolState) -> Any:
        """Return its value for a pool, None if there is none. Raise TypeError for a step into a value without keys."""
        if self.attribute is None:
            return None
        value = self.attribute.read(pool)
        for step in self.steps:
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise TypeError(f"{self.text}: {value!r:.60} has no {step!r}, because it has no keys")
            value = value.get(step)
        return value


def reference_from(text: str) -> Reference:
    """Return the reference of the text `$name.step`. Raise TypeError if the attribute never has keys."""
    name, *steps = text.removeprefix("$").split(".")
    attribute = ATTRIBUTES.get(name)
    if steps and attribute is not None and attribute.kind is not Kind.MAPPING:
        raise TypeError(f"{name} has no {steps[0]!r}, because it is {attribute.kind.value}")
    return Reference(text, attribute, tuple(steps))
