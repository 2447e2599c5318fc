"""A scheduler driver that implements the abstract methods of the published interface, and nothing else."""

import time

import numpy as np
from msgspec.structs import replace

from volsched.exceptions import InvalidRequest, NoValidBackend
from volsched.model.decision import FilterStep
from volsched.model.parsing import lease_from, request_from
from volsched.model.request import Operation
from volsched.placement.claim_loop import claim_best
from volsched.placement.scheduler import creation
from volsched.plugins import Decision, SchedulerDriver, Screening


class DirectScheduler(SchedulerDriver):
    """Chooses the pool with the most free room."""

    contract = (1, 0)
    uses_filters = False

    def schedule_create_volume(self, context, request_spec, filter_properties):
        begun = time.perf_counter()
        request = self._request(context, request_spec, filter_properties, Operation.CREATE)

        def place(decision):
            return creation(
                self.resources, decision, request_spec, filter_properties, begun=begun, further=self.further_events
            )

        resources = self.resources
        return claim_best(
            lambda: self._decide(request),
            place,
            pools=resources.pools,
            claims=resources.claims,
            attempts=resources.claim_attempts,
        )

    def backend_passes_filters(self, context, backend, request_spec, filter_properties):
        decision = self._decide(self._request(context, request_spec, filter_properties, Operation.MANAGE))
        return self._chosen(decision, lambda pool: pool.is_named(backend))

    def find_retype_backend(self, context, request_spec, filter_properties=None, migration_policy="never"):
        current = request_spec["volume_properties"].get("host")
        if not current:
            raise InvalidRequest("volume_properties.host", "expected a pool, got none; place the volume first")
        asked = {**(filter_properties or {}), "vol_exists_on": current}
        decision = self._decide(self._request(context, request_spec, asked, Operation.RETYPE))
        may_move = migration_policy == "on-demand"
        try:
            return self._chosen(decision, lambda pool: pool.is_named(current))
        except NoValidBackend:
            if not may_move:
                raise
            return self._chosen(decision, lambda pool: True)

    def get_pools(self, context, filters=None):
        name = (filters or {}).get("name")
        pools = self.resources.pools.table().candidates()
        return [
            {"name": pool.pool_id, "capabilities": dict(pool.capabilities)}
            for pool in pools
            if name in (None, pool.pool_id)
        ]

    def schedule_create_group(
        self, context, group, group_spec, request_spec_list, group_filter_properties, filter_properties_list
    ):
        decision = self._decide(self._request(context, group_spec, group_filter_properties, Operation.GROUP))
        return self._chosen(decision, lambda pool: bool(request_spec_list))

    def _request(self, context, request_spec, filter_properties, operation):
        return request_from(
            context, request_spec, filter_properties, operation=operation, fence=lease_from(filter_properties)
        )

    def _decide(self, request):
        pools = self.resources.pools.table().candidates()
        room = np.array([np.inf if pool.pool_id == request.exists_on else pool.free_gb for pool in pools])
        passed = room >= request.wanted_gb

        def why(position):
            return f"{request.wanted_gb:g} GiB wanted, {room[position]:g} GiB free"

        fitting = pools.take(passed)
        ranked = fitting.take(np.argsort(-room[passed], kind="stable"))
        return Decision(request, ranked, (FilterStep("room", pools, Screening(passed, why)),), fitting)

    def _chosen(self, decision, fits):
        for pool in decision.ranked:
            if fits(pool):
                return replace(decision, chosen=pool)
        raise NoValidBackend(f"no pool fits {decision.request.subject}", decision)
