"""The scheduler driver that does everything except choose: parse, fetch facts, claim, queue the agent's work."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec.structs import replace

from volsched.exceptions import InvalidRequest, NoValidBackend, PluginError, VolschedError
from volsched.model import parsing
from volsched.model.candidates import Candidates
from volsched.model.claim import Claim, Placement, create_key
from volsched.model.decision import Decision, LazySequence
from volsched.model.event import Event
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.request import Facts, Operation, RequestSpec
from volsched.model.work import Lease, WorkRequest, pool_work
from volsched.placement.claim_loop import claim_best
from volsched.placement.constraints import on_backends_of, only_on, why_not
from volsched.plugins import INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS, SchedulerDriver, SchedulerResources
from volsched.plugins.schedulers import CREATE_FAILED, FurtherEvents

#: Filter properties that belong to one attempt by one process, and are not handed to the agent.
NOT_PASSED_ON = frozenset({"context", "request_spec", "config_options", "lease", "retry"})
AFFINITY_HINTS = ("different_host", "same_host")


def took_ms(begun: float) -> float:
    """Milliseconds since `begun`, a reading of time.perf_counter."""
    return round((time.perf_counter() - begun) * 1000, 3)


class PlacingScheduler(SchedulerDriver):
    """A scheduler driver whose subclasses only choose."""

    @abc.abstractmethod
    def choose(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Return which candidates fit, best first. Pure: it is also called for dry runs, and again after a conflict."""

    # -- operations ----------------------------------------------------------------------------------------------

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        begun = time.perf_counter()
        request = self._parse(context, request_spec, filter_properties, Operation.CREATE)
        if request.retry is not None and request.retry.backends and request.volume_id:
            key = create_key(request.volume_id)
            self.resources.claims.release(key)
            self.resources.pools.released(key)
        request = self._with_facts(request)
        return claim_best(
            lambda: self._decide(request),
            lambda decision: creation(
                self.resources, decision, request_spec, filter_properties, begun=begun, further=self.further_events
            ),
            pools=self.resources.pools,
            claims=self.resources.claims,
            attempts=self.resources.claim_attempts,
        )

    def backend_passes_filters(
        self, context: Any, backend: str, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        request = self._with_facts(self._parse(context, request_spec, filter_properties, Operation.MANAGE))
        decision = self._decide(request)
        chosen = _named(decision, backend)
        if chosen is None:
            raise NoValidBackend(f"cannot place {request.subject} on {backend}: {why_not(decision, backend)}", decision)
        return replace(decision, chosen=chosen)

    def find_retype_backend(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any] | None = None,
        migration_policy: str = "never",
    ) -> Decision:
        properties = request_spec.get("volume_properties") or {}
        current = properties.get("cluster_name") or properties.get("host")
        if not isinstance(current, str) or not current:
            raise InvalidRequest("volume_properties.host", "expected the pool of the volume, got none; place it first")
        asked = {**(filter_properties or {}), "vol_exists_on": current}
        request = self._with_facts(self._parse(context, request_spec, asked, Operation.RETYPE))
        decision = self._decide(request)
        if not decision:
            raise NoValidBackend(
                f"no backend will do for {request.subject} with its new type: {decision.reason()}", decision
            )
        chosen = _named(decision, current)
        if chosen is None and migration_policy == "never":
            raise NoValidBackend(
                f"{current} will not do for {request.subject} with its new type "
                f"({why_not(decision, current)}), and migration is not allowed",
                decision,
            )
        return replace(decision, chosen=decision.ranked[0] if chosen is None else chosen)

    def dry_run(self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]) -> Decision:
        request = self._parse(context, request_spec, filter_properties, Operation.CREATE, counted=False)
        return self._decide(self._with_facts(request))

    def get_pools(self, context: Any, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return `{"name": pool_id, "capabilities": {…}}` of the pools that match, in reporting order.

        `filters`: `name` is a pool id; `volume_type` a type's name or id, for which the pools are filtered; any other
        key is a capability that must equal the value. Raises VolumeTypeNotFound.
        """
        wanted = dict(filters or {})
        type_name = wanted.pop("volume_type", None)
        candidates = self.resources.pools.table().candidates()
        matching = [parsing.pool_matches(pool, wanted) for pool in candidates]
        candidates = candidates.take(np.array(matching, np.bool_))
        if type_name:
            request = RequestSpec(operation=Operation.QUERY, volume_type=self.resources.types.find(str(type_name)))
            candidates = self.resources.chooser.screen(request, candidates).ranked
        return [{"name": pool.pool_id, "capabilities": dict(pool.capabilities)} for pool in candidates]

    def schedule_create_group(
        self,
        context: Any,
        group: Mapping[str, Any],
        group_spec: Mapping[str, Any],
        request_spec_list: Sequence[Mapping[str, Any]],
        group_filter_properties: Mapping[str, Any],
        filter_properties_list: Sequence[Mapping[str, Any]] | None,
    ) -> Decision:
        """Choose the best pool for the first volume type on a backend that serves every type and the group's own.

        Claims nothing. Raises NoValidBackend.
        """
        group_request = self._with_facts(self._parse(context, group_spec, group_filter_properties, Operation.GROUP))
        for_group = self._decide(group_request)
        common: Decision | None = None
        for number, request_spec in enumerate(request_spec_list):
            properties = (filter_properties_list or ())[number : number + 1] or ({},)
            request = self._parse(context, request_spec, properties[0] or {}, Operation.GROUP)
            decision = self._decide(self._with_facts(request))
            if not decision:
                raise NoValidBackend(
                    f"no backend serves every type of the group: {decision.reason()}",
                    replace(decision, request=group_request),
                )
            common = decision if common is None else on_backends_of(common, decision)
            if not common:
                break
        if common is None:
            for_group = replace(for_group, request=group_request)
            raise NoValidBackend("a group needs at least one volume type", for_group)
        common = replace(common, request=group_request)  # its retry record is the one that counts
        if not common:
            raise NoValidBackend("no backend serves every type of the group", common)
        common = on_backends_of(common, for_group)
        if not common:
            raise NoValidBackend("no backend serves every type of the group and the group's own", common)
        return replace(common, chosen=common.ranked[0])

    # -- steps ---------------------------------------------------------------------------------------------------

    def _parse(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        operation: Operation,
        *,
        counted: bool = True,
    ) -> RequestSpec:
        """Return the request under its lease, unless it is a dry run `counted` as one more attempt.

        Raises InvalidRequest, and NoValidBackend beyond the limit of attempts.
        """
        return parsing.request_from(
            context,
            request_spec,
            filter_properties,
            operation=operation,
            max_attempts=self.resources.max_attempts if counted else None,
            fence=parsing.lease_from(filter_properties),
            config_generation=self.resources.config_generation,
        )

    def _with_facts(self, request: RequestSpec) -> RequestSpec:
        needs = self.resources.chooser.needs if self.uses_filters else frozenset()
        if not needs:
            return request
        facts = Facts()
        if VOLUME_BACKENDS in needs:
            ids = parsing.hinted_volumes(request.hints, AFFINITY_HINTS)
            if ids:
                facts = replace(facts, volume_backends=self.resources.facts.backends_of(ids, request.project_id))
        if INSTANCE_HOST in needs and request.hints.get("local_to_instance"):
            try:
                instance = parsing.hinted_instance(request.hints)
                facts = replace(facts, instance_host=self.resources.facts.instance_host(instance))
            except InvalidRequest as problem:  # the filter raises it, if any pool is left
                facts = replace(facts, instance_problem=problem)
        if VOLUME_COUNTS in needs:
            facts = replace(facts, volume_counts=self.resources.facts.volume_counts())
        return replace(request, facts=facts)

    def _decide(self, request: RequestSpec) -> Decision:
        pools = self.resources.pools
        try:
            decision = self.choose(request, pools.table().candidates())
        except VolschedError:
            raise
        except Exception as problem:  # a plugin's; the request must end in a clear error
            what = f"{type(problem).__name__}: {problem}"
            raise PluginError(self.resources.driver, what, self.resources.driver_package) from problem
        set_aside = pools.set_aside()
        if set_aside:
            decision = replace(decision, set_aside=set_aside)
        if request.resource_backend is not None and decision:
            decision = only_on(decision, request.resource_backend)
        return decision


def _named(decision: Decision, name: str) -> PoolState | None:
    """Return the first ranked pool of this id, or of the backend of this id."""
    return next((pool for pool in decision.ranked if pool.is_named(name)), None)


def creation(
    resources: SchedulerResources,
    decision: Decision,
    request_spec: Mapping[str, Any],
    filter_properties: Mapping[str, Any],
    *,
    begun: float,
    further: FurtherEvents,
) -> Placement:
    """Return what becomes true when the room of a new volume is claimed in the chosen pool.

    `begun`: when scheduling began, by time.perf_counter. `further`: SchedulerDriver.further_events.
    """
    request, pool = decision.request, decision.chosen
    volume_id = request.volume_id
    if volume_id is None:
        raise InvalidRequest("request_spec.volume_id", "expected a volume's id, got none; nothing can be claimed")
    if pool is None:
        raise PluginError(resources.driver, "expected a decision with a chosen pool", resources.driver_package)
    now = resources.clock()
    changes = {
        "host": pool.pool_id,
        "cluster_name": pool.cluster_pool_id,
        "availability_zone": pool.zone,
        "scheduled_at": now.isoformat(),
    }
    attempt = request.retry.num_attempts if request.retry is not None else 1
    took = took_ms(begun)

    def end_event() -> Event:
        payload = {
            "volume_id": volume_id,
            "pool": pool.pool_id,
            "size_gb": request.size_gb,
            "volume_type": request.volume_type.name if request.volume_type is not None else None,
            "attempt": attempt,
            "driver": resources.driver,
            "took_ms": took,
            "decision": decision.summary(),
        }
        return resources.event(
            derived_id("event", volume_id, "scheduled", attempt),
            f"{CREATE_FAILED}.end",
            payload,
            volume_id=volume_id,
            project_id=request.project_id,
            at=now,
        )

    def agent_work() -> tuple[WorkRequest, ...]:
        properties = {key: value for key, value in (filter_properties or {}).items() if key not in NOT_PASSED_ON}
        payload = {
            "volume": {**(request_spec.get("volume") or {"id": volume_id, "size_gb": request.size_gb}), **changes},
            "claim_key": create_key(volume_id),
            "request_spec": {key: value for key, value in request_spec.items() if key != "volume"},
            "filter_properties": {**properties, "retry": parsing.plain_retry(decision.retry)},
            "max_attempts": resources.max_attempts,
        }
        work_id = derived_id("work", volume_id, "create", attempt)
        return (pool_work("create", work_id, volume_id, pool.pool_id, payload),)

    return placement(
        resources,
        decision,
        Claim(
            key=create_key(volume_id), volume_id=volume_id, pool_id=pool.pool_id, size_gb=request.size_gb, made_at=now
        ),
        changes=changes,
        decision_id=partial(derived_id, "decision", volume_id, "create", attempt),
        event=end_event,
        further=further,
        work=LazySequence(agent_work),
        fence=request.fence,
    )


def placement(
    resources: SchedulerResources,
    decision: Decision,
    claim: Claim,
    *,
    changes: Mapping[str, Any],
    decision_id: Callable[[], str],
    event: Callable[[], Event],
    further: FurtherEvents,
    work: Sequence[WorkRequest],
    fence: Lease | None,
) -> Placement:
    """Return a claim with everything that becomes true with it. `changes`: of the volume's row."""

    def events() -> tuple[Event, ...]:
        end = event()
        return (end, *further(decision, end))

    return Placement(
        claim=claim,
        thin=decision.request.thin,
        volume_changes=changes,
        decision=partial(decision.plain, most=resources.decision_detail),
        decision_id=decision_id,
        events=LazySequence(events),
        work=work,
        fence=fence,
    )
