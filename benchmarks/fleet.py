"""A synthetic, realistic fleet and its requests: plain data, identical for all programs that are compared."""

from __future__ import annotations

import random
import uuid
from typing import Any

POOLS_PER_BACKEND = 10
ZONES = ("a", "b", "c")
PROTOCOLS = {"iSCSI": 40, "FC": 20, "NFS": 15, "ceph": 15, "NVMe-oF": 10}
FILTER_FUNCTIONS = (
    "volume.size < 2000",
    "stats.total_capacity_gb < 1000000",
    "capabilities.capacity_utilization < 98",
)
GOODNESS_FUNCTIONS = (
    "100 - capabilities.capacity_utilization",
    "(volume.size < 100) ? 100 : 50",
    "(capabilities.total_volumes < 1000) ? 100 : 50",
)
QUERY = '["and", ["<", "$reserved_percentage", 50], [">=", "$allocated_capacity_gb", 0]]'
TYPES: dict[str, tuple[int, dict[str, str]]] = {
    "plain": (15, {}),
    "thin": (
        30,
        {"capabilities:thin_provisioning_support": "<is> True", "storage_protocol": "<or> iSCSI <or> FC"},
    ),
    "gold": (20, {"volume_backend_name": "gold"}),
    "thick": (15, {"capabilities:thick_provisioning_support": "<is> True", "provisioning:type": "thick"}),
    "fast": (
        10,
        {
            "volume_backend_name": "silver",
            "capabilities:max_iops": ">= 20000",
            "capabilities:disk_type": "<or> ssd <or> nvme",
        },
    ),
    "replicated": (
        10,
        {
            "replication_enabled": "<is> True",
            "capabilities:multiattach": "<is> True",
            "vendor:private_thing": "ignored",
        },
    ),
}
SIZES_GB = (1, 10, 20, 50, 100, 250, 500, 1000)


def backends(pools: int, *, functions: bool, seed: int = 1) -> list[dict[str, Any]]:
    """`pools / 10` backends of ten pools each: host, zone, and the capabilities they report.

    `functions`: half of them report a filter function, and half a goodness function.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    return [_backend(number, draw, functions=functions) for number in range(pools // POOLS_PER_BACKEND)]


def _backend(number: int, draw: random.Random, *, functions: bool) -> dict[str, Any]:
    kind = ("gold", "silver", "bronze")[(number // len(ZONES)) % 3]
    thin = draw.random() < 0.7
    capabilities: dict[str, Any] = {
        "volume_backend_name": kind,
        "vendor_name": draw.choice(("NetApp", "Dell EMC", "HPE", "Pure", "Open")),
        "driver_version": f"1.{number % 5}.0",
        "storage_protocol": draw.choices(list(PROTOCOLS), list(PROTOCOLS.values()))[0],
        "pools": [_pool(number, at, draw, thin=thin) for at in range(POOLS_PER_BACKEND)],
    }
    if functions and draw.random() < 0.5:
        capabilities["filter_function"] = draw.choice(FILTER_FUNCTIONS)
    if functions and draw.random() < 0.5:
        capabilities["goodness_function"] = draw.choice(GOODNESS_FUNCTIONS)
    return {"host": f"node{number:05d}@be{kind}", "zone": ZONES[number % 3], "capabilities": capabilities}


def _pool(backend: int, number: int, draw: random.Random, *, thin: bool) -> dict[str, Any]:
    total: Any = draw.choice((5000, 20000, 50000, 100000, 500000))
    used = draw.uniform(0.05, 0.95)
    allocated = round(total * used * draw.uniform(0.5, 1.0), 2)
    free: Any = round(total * (1 - used), 2)
    odd = draw.random()
    if odd < 0.05:
        total = free = "infinite"
    elif odd < 0.10:
        free = "unknown"
    return {
        "pool_name": f"pool{number:02d}",
        "total_capacity_gb": total,
        "free_capacity_gb": free,
        "allocated_capacity_gb": allocated,
        "provisioned_capacity_gb": round(allocated * draw.uniform(1.0, 1.4), 2),
        "reserved_percentage": draw.choice((0, 5, 10)),
        "max_over_subscription_ratio": draw.choice((1.5, 2.0, 10.0, 20.0)) if thin else 1.0,
        "thin_provisioning_support": thin,
        "thick_provisioning_support": not thin or draw.random() < 0.3,
        "QoS_support": draw.random() < 0.5,
        "multiattach": draw.random() < 0.6,
        "compression_support": draw.random() < 0.5,
        "replication_enabled": draw.random() < 0.3,
        "online_extend_support": True,
        "backend_state": "up",
        "disk_type": draw.choice(("ssd", "nvme", "sas", "nl_sas")),
        "raid_level": draw.choice(("raid5", "raid6", "raid10")),
        "max_iops": draw.choice((5000, 20000, 100000)),
        "total_volumes": draw.randrange(0, 2000),
        "capacity_utilization": round(used * 100, 1),
        "location_info": f"site-{backend % 7}:rack-{number}",
    }


def requests(count: int, *, seed: int = 2) -> list[dict[str, Any]]:
    """Requests for volumes: id, size, zones (or None), and the type's id, name and extra specs."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    weights = [weight for weight, _ in TYPES.values()]
    ids = {name: str(uuid.UUID(int=draw.getrandbits(128), version=4)) for name in TYPES}
    made = []
    for _ in range(count):
        name = draw.choices(list(TYPES), weights)[0]
        luck = draw.random()
        zones = [draw.choice(ZONES)] if luck < 0.5 else draw.sample(ZONES, 2) if luck < 0.7 else None
        made.append(
            {
                "volume_id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
                "size": draw.choice(SIZES_GB),
                "zones": zones,
                "type_id": ids[name],
                "type_name": name,
                "extra_specs": TYPES[name][1],
            }
        )
    return made
