"""All that a scheduler driver does except choose: parse, gather facts, claim, hand over."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from msgspec.structs import replace

from volsched.exceptions import InvalidRequest, NoValidBackend, PluginError, VolschedError
from volsched.model import parsing
from volsched.model.candidates import Candidates
from volsched.model.claim import Claim, Placement
from volsched.model.decision import Decision, LazySequence
from volsched.model.event import Event, Priority
from volsched.model.identity import derived_id
from volsched.model.pool import PoolState
from volsched.model.report import CapabilityReport
from volsched.model.request import Facts, Operation, RequestSpec
from volsched.model.work import Lease, WorkRequest, agent_queue
from volsched.placement.claim_loop import claim_best
from volsched.placement.constraints import asked, on_backends_of, only_on, why_not
from volsched.placement.constraints import backend_part as backend_part  # others have it from here
from volsched.plugins import INSTANCE_HOST, VOLUME_BACKENDS, VOLUME_COUNTS, SchedulerDriver

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
        """Which candidates will do, best first. Pure."""

    # -- operations ----------------------------------------------------------------------------------------------

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        """Choose a pool, claim the room and queue the work for its agent, in one transaction.

        The decision returned says which pool was `chosen` and carries the retry record. Raises NoValidBackend,
        InvalidRequest, PluginError, LeaseLost.
        """
        begun = time.perf_counter()
        request = self._parse(context, request_spec, filter_properties, Operation.CREATE)
        if request.retry is not None and request.retry.backends and request.volume_id:
            self._give_back(request.volume_id)
        request = self._with_facts(request)
        return claim_best(
            lambda: self._decide(request),
            lambda decision: self._creation(decision, request_spec, filter_properties, begun),
            pools=self.resources.pools,
            claims=self.resources.claims,
            attempts=self.resources.claim_attempts,
        )

    def backend_passes_filters(
        self, context: Any, backend: str, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> PoolState:
        """The pool named `backend`, or the best pool of the backend of that name, if it passes.

        Nothing is claimed. Raises NoValidBackend.
        """
        decision = self.judge(context, backend, request_spec, filter_properties, Operation.MANAGE)
        chosen = decision.chosen
        assert chosen is not None  # noqa: S101 - judge() raises instead
        return chosen

    def judge(
        self,
        context: Any,
        backend: str,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        operation: Operation,
    ) -> Decision:
        """As `backend_passes_filters`, for any operation, with the decision."""
        request = self._parse(context, request_spec, filter_properties, operation)
        request = self._with_facts(request)
        decision = self._decide(request)
        for pool in decision.ranked:
            if backend == (pool.pool_id if "#" in backend else pool.backend_id):
                return replace(decision, chosen=pool)
        raise NoValidBackend(f"cannot place {request.subject} on {backend}: {why_not(decision, backend)}", decision)

    def find_retype_backend(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any] | None = None,
        migration_policy: str = "never",
    ) -> PoolState:
        """Where the volume can live with its new type: the pool it is in, if that will do, else the best other.

        Nothing is claimed. Raises NoValidBackend, also where it would have to move and `migration_policy` is never.
        """
        chosen = self.retype(context, request_spec, filter_properties, migration_policy).chosen
        assert chosen is not None  # noqa: S101 - retype() raises instead
        return chosen

    def retype(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any] | None,
        migration_policy: str,
    ) -> Decision:
        """As `find_retype_backend`, with the decision."""
        properties = request_spec.get("volume_properties") or {}
        current = properties.get("cluster_name") or properties.get("host")
        if not isinstance(current, str) or not current:
            raise InvalidRequest("volume_properties.host", "a volume that is nowhere cannot be retyped")
        request = self._parse(
            context, request_spec, {**(filter_properties or {}), "vol_exists_on": current}, Operation.RETYPE
        )
        request = self._with_facts(request)
        decision = self._decide(request)
        if not decision:
            raise NoValidBackend(
                f"no backend will do for {request.subject} with its new type: {decision.reason()}", decision
            )
        for pool in decision.ranked:
            if current == (pool.pool_id if "#" in current else pool.backend_id):
                return replace(decision, chosen=pool)
        if migration_policy == "never":
            raise NoValidBackend(
                f"{current} will not do for {request.subject} with its new type "
                f"({why_not(decision, current)}), and migration is not allowed",
                decision,
            )
        return replace(decision, chosen=decision.ranked[0])

    def dry_run(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        operation: Operation = Operation.CREATE,
    ) -> Decision:
        """What would be decided now; nothing is claimed and an empty ranking is no error."""
        request = self._parse(context, request_spec, filter_properties, operation, counted=False)
        return self._decide(self._with_facts(request))

    def get_pools(self, context: Any, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """`{"name": pool_id, "capabilities": {…}}` of the pools that match, in reporting order.

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
        """The best pool for the first volume type on a backend that serves every type, and the group's own type.

        Nothing is claimed. Raises NoValidBackend.
        """
        group_request = self._parse(context, group_spec, group_filter_properties, Operation.GROUP)
        group_request = self._with_facts(group_request)
        for_group = self._decide(group_request)
        running: Decision | None = None
        for number, request_spec in enumerate(request_spec_list):
            properties = (filter_properties_list or ())[number : number + 1] or ({},)
            request = self._parse(context, request_spec, properties[0] or {}, Operation.GROUP)
            decision = self._decide(self._with_facts(request))
            if not decision:
                raise NoValidBackend(
                    f"no backend serves every type of the group: {decision.reason()}", asked(decision, group_request)
                )
            running = decision if running is None else on_backends_of(running, decision)
            if not running:
                raise NoValidBackend("no backend serves every type of the group", asked(running, group_request))
        if running is None:
            raise NoValidBackend("a group needs at least one volume type", asked(for_group, group_request))
        running = asked(on_backends_of(running, for_group), group_request)
        if not running:
            raise NoValidBackend("no backend serves every type of the group and the group's own", running)
        return replace(running, chosen=running.ranked[0])

    def get_backup_host(
        self, volume: Mapping[str, Any] | None, availability_zone: str | None = None, driver: str | None = None
    ) -> str:
        """A host whose backup service is up and can do it, the volume's own where that is preferred.

        Raises ServiceNotFound.
        """
        return self.resources.pools.backup_host(volume, availability_zone, driver)

    def update_service_capabilities(
        self,
        service_name: str,
        host: str,
        capabilities: Mapping[str, Any],
        cluster_name: str | None,
        timestamp: datetime | None,
    ) -> None:
        """Take in a capability report; what cannot be used is set aside with its reason."""
        self.resources.pools.report(self._report(service_name, host, capabilities, cluster_name, timestamp))

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
        """The request under its lease; unless it is only tried, `counted` as one more attempt.

        Raises InvalidRequest, and NoValidBackend beyond the limit of attempts.
        """
        lease = filter_properties.get("lease") if isinstance(filter_properties, Mapping) else None
        return parsing.request_from(
            context,
            request_spec,
            filter_properties,
            operation=operation,
            max_attempts=self.resources.max_attempts if counted else None,
            fence=Lease.parse(lease) if lease is not None else None,
            config_generation=self.resources.config_generation,
        )

    def _give_back(self, key: str) -> None:
        self.resources.claims.release(key)
        self.resources.pools.released(key)

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
            except InvalidRequest as problem:  # told by the filter, if there is any pool left to be judged
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
        except Exception as problem:  # a driver's own; the request must end in a clear error
            said = f"{type(problem).__name__}: {problem}"
            raise PluginError(self.resources.driver, said, self.resources.driver_package) from problem
        set_aside = pools.set_aside()
        if set_aside:
            decision = replace(decision, set_aside=set_aside)
        if request.resource_backend is not None and decision:
            decision = only_on(decision, request.resource_backend)
        return decision

    def _creation(
        self,
        decision: Decision,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        begun: float,
    ) -> Placement:
        """What becomes true when the room for a new volume is claimed. `begun`: when it was, by time.perf_counter."""
        request, pool = decision.request, decision.chosen
        assert pool is not None  # noqa: S101 - claim_best() sets it
        volume_id = request.volume_id
        if volume_id is None:
            raise InvalidRequest("volume_id", "missing from the request spec; nothing can be claimed without it")
        now = self.resources.clock()
        changes = {
            "host": pool.pool_id,
            "cluster_name": pool.pool_id if pool.cluster_name else None,
            "availability_zone": pool.zone,
            "scheduled_at": now.isoformat(),
        }
        attempt = request.retry.num_attempts if request.retry is not None else 1
        took = took_ms(begun)

        def told() -> tuple[Event, ...]:
            payload = {
                "volume_id": volume_id,
                "pool": pool.pool_id,
                "size_gb": request.size_gb,
                "volume_type": request.volume_type.name if request.volume_type is not None else None,
                "attempt": attempt,
                "driver": self.resources.driver,
                "took_ms": took,
                "decision": decision.summary(),
            }
            end = self._event(
                derived_id("event", volume_id, "scheduled", attempt),
                "scheduler.create_volume.end",
                volume_id=volume_id,
                project_id=request.project_id,
                payload=payload,
                at=now,
            )
            return (end, *self.further_events(decision, end))

        def handed_over() -> tuple[WorkRequest, ...]:
            properties = {key: value for key, value in (filter_properties or {}).items() if key not in NOT_PASSED_ON}
            payload = {
                "volume": {**(request_spec.get("volume") or {"id": volume_id, "size_gb": request.size_gb}), **changes},
                "pool_id": pool.pool_id,
                "claim_key": volume_id,
                "request_spec": {key: value for key, value in request_spec.items() if key != "volume"},
                "filter_properties": {**properties, "retry": parsing.plain_retry(decision.retry)},
                "max_attempts": self.resources.max_attempts,
            }
            return (
                WorkRequest(
                    id=derived_id("work", volume_id, "create", attempt),
                    queue=agent_queue(pool.backend_id),
                    operation="create",
                    volume_id=volume_id,
                    payload=payload,
                ),
            )

        return Placement(
            claim=Claim(key=volume_id, volume_id=volume_id, pool_id=pool.pool_id, size_gb=request.size_gb, made_at=now),
            thin=request.thin,
            volume_changes=changes,
            decision=partial(decision.plain, most=self.resources.decision_detail),
            decision_id=partial(derived_id, "decision", volume_id, "create", attempt),
            events=LazySequence(told),
            work=LazySequence(handed_over),
            fence=request.fence,
        )

    def _report(
        self,
        service_name: str,
        host: str,
        capabilities: Mapping[str, Any],
        cluster_name: str | None,
        timestamp: datetime | None,
    ) -> CapabilityReport:
        return CapabilityReport(
            service_name=service_name,
            host=host,
            capabilities=capabilities,
            cluster_name=cluster_name,
            timestamp=timestamp if timestamp is not None else self.resources.clock(),
        )

    def _event(
        self,
        event_id: str,
        event_type: str,
        *,
        payload: Mapping[str, Any],
        volume_id: str | None = None,
        project_id: str | None = None,
        at: datetime | None = None,
    ) -> Event:
        return Event(
            id=event_id,
            event_type=event_type,
            priority=Priority.INFO,
            occurred_at=(self.resources.clock() if at is None else at).isoformat(),
            publisher=self.resources.publisher,
            volume_id=volume_id,
            project_id=project_id,
            payload=payload,
        )
