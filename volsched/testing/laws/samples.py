"""The sample pools and requests of the laws: ordinary ones and edge cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

from volsched.model.pool import PoolState
from volsched.model.request import Facts, Operation, RequestSpec, Retry
from volsched.testing.builders import a_pool, a_request

NEIGHBOR = "064a2c8a-cb00-42f9-a364-0b7e7fd77038"
INSTANCE = "3079f9f9-4e5f-401e-ae94-997d670f1d7d"
FACTS = Facts(
    volume_backends={NEIGHBOR: "node1@disk#thick"},
    instance_host="node1",
    volume_counts={"node1@disk#thick": 3, "node2@disk#thin": 1},
)


def sample_pools() -> tuple[PoolState, ...]:
    """Return pools: thick and thin, full and empty, unbounded and unknown, with and without zone and capabilities."""
    return (
        a_pool("thick", capabilities={"tier": "gold", "level": 5}),
        a_pool("full", free_gb=0.0, allocated_gb=1000.0, capabilities={"tier": "silver"}),
        a_pool("thin", backend="node2@disk", thin=True, max_over_subscription_ratio=2.0, zone="east"),
        a_pool("promised", backend="node2@disk", thin=True, provisioned_gb=5000.0, zone="east"),
        a_pool("unbounded", backend="node3@object", total_gb=math.inf, free_gb=math.inf, zone=None),
        a_pool("unknown", backend="node3@object", total_gb=math.nan, free_gb=math.nan, vendor_name=None),
        a_pool("empty", total_gb=0.0, free_gb=0.0),
        a_pool("shared", backend="node4@san", cluster_name="cluster@san", storage_protocol=("iSCSI", "iscsi")),
        a_pool("judging", filter_function="volume.size < 5", goodness_function="50", capabilities={
            "filter_function": "volume.size < 5", "goodness_function": "50", "online_extend_support": False,
        }),
    )  # fmt: skip


def sample_requests() -> Sequence[RequestSpec]:
    """Return requests: small and huge, thick, with zone, extra specs, hints, earlier attempts; creates and extends."""
    return (
        a_request(10, facts=FACTS),
        a_request(1_000_000, facts=FACTS),
        a_request(0, facts=FACTS),
        a_request(10, zone="east", facts=FACTS),
        a_request(10, extra_specs={"provisioning:type": "thick", "tier": "gold"}, facts=FACTS),
        a_request(
            10,
            new_size_gb=20,
            operation=Operation.EXTEND,
            attach_status="attached",
            exists_on="node1@disk#full",
            facts=FACTS,
        ),
        a_request(
            10,
            retry=Retry(num_attempts=2, backends=("node1@disk#thick",)),
            hints={
                "query": '["<", "$free_capacity_gb", 5]',
                "different_host": [NEIGHBOR],
                "same_host": NEIGHBOR,
                "local_to_instance": INSTANCE,
            },
            facts=FACTS,
        ),
    )
