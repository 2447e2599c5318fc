"""A recorded case, request by request, through volsched's own engine."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from tools.parity.answers import Answer, Failure, Figures, Pass, pass_of
from tools.parity.books import Books
from tools.parity.cases import Case, decoded, stamp
from tools.parity.stage import DEFAULT_FILTERS, DEFAULT_WEIGHERS, Stage, services_of, volume_of
from volsched.exceptions import (
    ConfigurationError,
    InstanceNotLocated,
    InvalidRequest,
    NoValidBackend,
    PluginError,
    PluginNotFound,
    ServiceNotFound,
    VolschedError,
    VolumeNotFound,
    VolumeTypeNotFound,
)
from volsched.model import parsing
from volsched.model.candidates import Candidates, PoolTable
from volsched.model.claim import Claim
from volsched.model.decision import Decision
from volsched.model.identity import backend_of
from volsched.model.pool import PoolState
from volsched.model.request import Operation, RequestSpec
from volsched.placement.pipeline import Placing
from volsched.testing.installed import FILTERS

INSTANCE_ERRORS = {"not_found": "ServerNotFound", "timeout": "APITimeout", "hidden": "CinderException"}


@dataclass(frozen=True, slots=True)
class Replayed:
    """volsched's answer to one request, and what is needed to ask it again with other figures."""

    answer: Answer
    before: Mapping[str, PoolState]  # the pools that it decided on
    reported: Mapping[str, PoolState]  # the same without the claims
    asked: tuple[tuple[RequestSpec, Candidates, int], ...] = ()
    decisions: tuple[Decision, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()
    problem: Exception | None = None
    placing: Placing | None = None  # the filters and weighers that were asked, where these are not the usual ones
    conflicts: tuple[str, ...] = ()  # pools whose claim was refused on the way


def failure_from(problem: Exception) -> Failure:
    """An error of volsched's, under the name that Cinder has for the same thing."""
    # A plugin that breaks is named by an error of ours, and is an accident all the same.
    broken = isinstance(problem, PluginError) and not isinstance(problem, PluginNotFound)
    meant = isinstance(problem, VolschedError) and not broken
    return Failure(_name_of(problem), str(problem), meant)


def _name_of(problem: Exception) -> str:
    if isinstance(problem, InstanceNotLocated):
        return INSTANCE_ERRORS.get(problem.kind, "InstanceNotLocated")
    if isinstance(problem, PluginNotFound):
        return "SchedulerHostFilterNotFound" if problem.group == FILTERS else "SchedulerHostWeigherNotFound"
    if isinstance(problem, ConfigurationError):
        return "InvalidParameterValue"
    for kind in (NoValidBackend, VolumeTypeNotFound, VolumeNotFound, ServiceNotFound):
        if isinstance(problem, kind):
            return kind.__name__
    if isinstance(problem, InvalidRequest) and problem.field == "scheduler_hints.local_to_instance":
        return "InvalidUUID"
    return type(problem).__name__


class Replay:
    """One case being played. `start_failure` says why volsched refuses to start with the case's configuration."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.start_failure: Failure | None = None
        self._specs: list[tuple[Any, dict[str, Any]]] = []
        self._number = 0
        self.books = Books()
        self._tried: tuple[str, ...] = ()  # the pools in the retry record that the request came with
        try:
            self.stage = Stage(case)
        except VolschedError as problem:
            self.start_failure = failure_from(problem)
            return
        failed = {each["index"] for each in case["expected"].get("capability_errors") or ()}
        for number, report in enumerate(case.get("capabilities") or ()):
            if report.get("at"):
                self.stage.clock.now = datetime.fromisoformat(report["at"])
            self._report(report)
            self.books.note_report(report, self.stage.clock.now, failed=number in failed)

    # -- one request ---------------------------------------------------------------------------------------------

    def step(self, request: Mapping[str, Any], *, draws_before: int) -> Replayed:
        """Play the next request. `draws_before`: how many random numbers Cinder had drawn until then."""
        stage = self.stage
        if request.get("at"):
            stage.clock.now = datetime.fromisoformat(request["at"])
        stage.chooser.forget()
        stage.draws.position = draws_before
        operation: Callable[[Mapping[str, Any]], Answer] = getattr(self, f"_{request['operation']}")
        self._specs.append((None, {}))
        self._conflicts: tuple[str, ...] = ()
        self._placing: Placing | None = None
        problem: Exception | None = None
        before: Mapping[str, PoolState] = {}
        try:
            if request["operation"] in QUESTIONS:
                before = {pool.pool_id: pool for pool in stage.registry.table().pools}
            answer = operation(request)
        except Exception as raised:  # noqa: BLE001 - whatever leaves is compared, accidents of our own included
            problem = raised
            answer = Answer(failure=failure_from(raised), retry=self._retry_of(raised))
        self._number += 1
        asked = tuple(stage.chooser.asked)
        if asked:
            before = {pool.pool_id: pool for pool in asked[0][1].table.pools}
        reported = {name: stage.registry.reported(name) or pool for name, pool in before.items()}
        set_aside = stage.registry.set_aside() if request["operation"] in QUESTIONS else ()
        self.books.note_pools(reported, set_aside)
        passes = answer.passes or tuple(pass_of(decision) for decision in self._first_decisions(request))
        return Replayed(
            answer=replace(answer, passes=passes, figures=self._figures(request)),
            before=before,
            reported=reported,
            asked=asked,
            decisions=tuple(stage.chooser.decided),
            set_aside=set_aside,
            placing=self._placing,
            problem=problem,
            conflicts=self._conflicts,
        )

    def _first_decisions(self, request: Mapping[str, Any]) -> list[Decision]:
        """What was decided on the first look: a question is put again where all claims were lost."""
        decided = self.stage.chooser.decided
        return decided if request["operation"] == "create_group" else decided[:1]

    def _figures(self, request: Mapping[str, Any]) -> Mapping[str, Figures]:
        if request["operation"] not in QUESTIONS:
            return {}
        pools = self.stage.registry.table().pools
        return {pool.pool_id: (pool.free_gb, pool.allocated_gb, pool.provisioned_gb) for pool in pools}

    def _retry_of(self, problem: Exception) -> Mapping[str, Any] | None:
        if isinstance(problem, NoValidBackend) and problem.decision is not None:
            return parsing.plain_retry(problem.decision.request.retry)
        return None

    def properties_of(self, number: int) -> Mapping[str, Any]:
        """The filter properties that request `number` came with, or has been given by Cinder since."""
        return self._specs[number][1]

    def spec_of(self, number: int) -> Any:
        """The request spec that request `number` was played with."""
        return self._specs[number][0]

    def again(
        self,
        replayed: Replayed,
        pools: Mapping[str, PoolState],
        *,
        without: Set[str] = frozenset(),
        order: Sequence[str] = (),
        other: Callable[[RequestSpec], RequestSpec] = lambda request: request,
    ) -> tuple[Pass, ...]:
        """What volsched decides when these pools are as given, `without` some, in this `order`, and asked otherwise."""
        passes = []
        placing = replayed.placing or self.stage.chooser.placing
        for request, candidates, position in replayed.asked[: max(len(replayed.answer.passes), 1)]:
            listed = [pools.get(pool.pool_id, pool) for pool in candidates if pool.pool_id not in without]
            if order:
                known = {name: place for place, name in enumerate(order)}
                listed.sort(key=lambda pool: known.get(pool.pool_id, len(known)))
            self.stage.draws.position = position
            with contextlib.suppress(VolschedError):  # told by a difference of the passes
                decision = placing.place(other(request), PoolTable(listed).candidates())
                passes.append(pass_of(decision))
        return tuple(passes)

    def follow(self, request: Mapping[str, Any], theirs: Answer, taken_gb: float, *, looked: bool) -> None:
        """Go on from where Cinder is: the volume lies where Cinder put it, and its room is taken there.

        So every request is compared for itself, whatever came of the one before. `looked`: Cinder looked at all pools.
        """
        now = self.stage.clock.now
        if request["operation"] == "update_capabilities":
            self.books.note_report(request, now, failed=theirs.failure is not None)
        if request["operation"] not in QUESTIONS:
            return
        placed = (theirs.chosen, taken_gb) if theirs.chosen is not None and taken_gb else None
        self.books.note_answer(theirs, placed, now, looked=looked)
        if request["operation"] != "create_volume":
            return
        spec, properties = self._specs[-1]
        named = spec.get("volume_id") if isinstance(spec, Mapping) else None
        volume_id = named if isinstance(named, str) else f"unnamed/{self._number}"
        undone = self._tried[-1] if self._tried and theirs.passes else None
        held, besides = self.books.place(volume_id, placed, undone)
        self._claim(volume_id, held)
        if besides is not None:  # Cinder has taken room twice for one volume
            self._claim(f"{volume_id}/before/{self._number}", besides)
        if volume_id in self.stage.volumes.rows and self.stage.volumes.rows[volume_id].status == "creating":
            lies = self._place_of(placed[0]) if placed is not None and theirs.failure is None else {"host": None}
            self.stage.volumes.update(volume_id, lies)
        if theirs.tells_retry:
            self._specs[-1] = (spec, {**properties, "retry": copy.deepcopy(theirs.retry)})

    def _claim(self, key: str, place: tuple[str, float] | None) -> None:
        """Let a claim be in this pool, or nowhere."""
        stage = self.stage
        made = stage.claims.rows.get(key)
        if (made.pool_id if made is not None else None) == (place[0] if place is not None else None):
            return
        stage.claims.release(key)
        stage.registry.released(key)
        if place is not None:
            now = stage.clock.now
            stage.claims.rows[key] = Claim(key=key, volume_id=key, pool_id=place[0], size_gb=place[1], made_at=now)
            stage.registry.claimed(stage.claims.rows[key])

    def _place_of(self, pool_id: str) -> Mapping[str, str | None]:
        """A volume's host and cluster as Cinder writes them: the service's name counts, not the cluster's."""
        snapshot = self.stage.registry.table()
        row = snapshot.row(pool_id)
        if row is None:
            return {"host": pool_id}
        pool = snapshot.pools[row]
        cluster = f"{pool.cluster_name}#{pool.name}" if pool.cluster_name else None
        return {"host": f"{pool.host}#{pool.name}", "cluster_name": cluster}

    # -- operations ----------------------------------------------------------------------------------------------

    def _create_volume(self, request: Mapping[str, Any]) -> Answer:
        spec, properties = self._prepared(request)
        volume_id = spec.get("volume_id") if isinstance(spec, Mapping) else None
        if volume_id and not request.get("volume_missing"):
            self._ensure_volume(volume_id, spec)
        decision = self.stage.driver.schedule_create_volume(self._context(request), spec, properties)
        self._conflicts = decision.conflicts
        retry = parsing.plain_retry(decision.retry)
        self._specs[-1] = (spec, {**properties, "retry": retry})
        return Answer(chosen=decision.chosen.pool_id, retry=retry)

    def _backend_passes_filters(self, request: Mapping[str, Any]) -> Answer:
        spec, properties = self._prepared(request)
        decision = self.stage.driver.backend_passes_filters(
            self._context(request), request["backend"], spec, properties
        )
        if request.get("consume"):
            self._take(decision.chosen.pool_id, request["consume"])
        return Answer(chosen=decision.chosen.pool_id, retry=parsing.plain_retry(decision.request.retry))

    def _find_retype_backend(self, request: Mapping[str, Any]) -> Answer:
        spec, properties = self._prepared(request)
        decision = self.stage.driver.find_retype_backend(
            self._context(request), spec, properties, request.get("migration_policy", "never")
        )
        chosen = decision.chosen.pool_id
        current = spec["volume_properties"].get("cluster_name") or spec["volume_properties"]["host"]
        if current not in (chosen, backend_of(chosen)):
            self._take(chosen, spec["volume_properties"]["size"])
        return Answer(chosen=chosen, retry=parsing.plain_retry(decision.request.retry))

    def _create_group(self, request: Mapping[str, Any]) -> Answer:
        decision = self.stage.driver.schedule_create_group(
            self._context(request),
            {"id": "group"},
            decoded(copy.deepcopy(request["group_spec"])),
            decoded(copy.deepcopy(request["request_spec_list"])),
            decoded(copy.deepcopy(request.get("group_filter_properties", {}))),
            decoded(copy.deepcopy(request.get("filter_properties_list"))),
        )
        return Answer(chosen=decision.chosen.pool_id, retry=parsing.plain_retry(decision.request.retry))

    def _get_pools(self, request: Mapping[str, Any]) -> Answer:
        found = self.stage.driver.get_pools(self._context(request), copy.deepcopy(request.get("filters")))
        self.stage.chooser.decided.clear()
        detail = {pool["name"]: pool["capabilities"] for pool in found} if request.get("detail") else None
        return Answer(pools=tuple(pool["name"] for pool in found), capabilities=detail)

    def _filter_and_weigh(self, request: Mapping[str, Any]) -> Answer:
        """Named filters and weighers with filter properties as they are."""
        stage = self.stage
        properties = decoded(copy.deepcopy(request.get("filter_properties") or {}))
        known = stage.config
        placing = stage.placing(
            _listed(request.get("filters"), known.get("scheduler_default_filters", DEFAULT_FILTERS)),
            _listed(request.get("weighers"), known.get("scheduler_default_weighers", DEFAULT_WEIGHERS)),
        )
        spec = dict(properties.get("request_spec") or {})
        described = spec.get("volume_properties") or {}
        spec |= {"volume_properties": {"size": properties.get("size")}, "volume_type": properties.get("volume_type")}
        asked = parsing.request_from(self._context(request), spec, properties, operation=Operation.QUERY)
        asked = msgspec.structs.replace(asked, properties=described, attach_status=described.get("attach_status"))
        usual, stage.chooser.placing = stage.chooser.placing, placing
        self._placing = placing
        try:
            decision = stage.driver._decide(stage.driver._with_facts(asked))
        finally:
            stage.chooser.placing = usual
        return Answer(chosen=decision.ranked[0].pool_id if decision else None)

    def _update_capabilities(self, request: Mapping[str, Any]) -> Answer:
        self._report(request)
        return Answer()

    def _notify_capabilities(self, request: Mapping[str, Any]) -> Answer:
        report = parsing.report_from(
            request.get("service_name", "volume"),
            request["backend"],
            decoded(copy.deepcopy(request["capabilities"])),
            None,
            stamp(request.get("timestamp")),
            now=self.stage.clock.now,
        )
        return Answer(notifications=self.stage.registry.usage_changes(report))

    def _set_services(self, request: Mapping[str, Any]) -> Answer:
        self.stage.registry.services(services_of(request["services"], request.get("clusters")))
        return Answer()

    def _is_ready(self, request: Mapping[str, Any]) -> Answer:
        return Answer(value=self.stage.registry.ready())

    def _is_first_receive(self, request: Mapping[str, Any]) -> Answer:
        return Answer(value=self.stage.registry.first_received())

    def _get_backup_host(self, request: Mapping[str, Any]) -> Answer:
        host = self.stage.driver.get_backup_host(
            request.get("volume"), request.get("availability_zone"), request.get("driver")
        )
        return Answer(value=host)

    # -- what they share -----------------------------------------------------------------------------------------

    def _report(self, report: Mapping[str, Any]) -> None:
        backend_id = str(report.get("cluster_name") or report.get("host"))
        self._confirm(backend_id, stamp(report.get("timestamp")) or self.stage.clock.now)
        self.stage.driver.update_service_capabilities(
            report.get("service_name", "volume"),
            report.get("host"),
            decoded(copy.deepcopy(report["capabilities"])),
            report.get("cluster_name"),
            stamp(report.get("timestamp")),
        )

    def _context(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {**(self.case.get("context") or {}), **(request.get("context") or {})}
        context = {"user_id": "user", "project_id": "project", "is_admin": False, **given}
        self.stage.facts.shows_copies = bool(context["is_admin"])
        return context

    def _prepared(self, request: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The request spec and filter properties, taken over from the attempt before where it is a reschedule."""
        if "reschedule_of" in request:
            spec, properties = copy.deepcopy(self._specs[request["reschedule_of"]])
            if request.get("request_spec"):
                spec = _spec_of(request)
            volume_id = (spec or {}).get("volume_id")
            if volume_id in self.stage.volumes.rows:
                self.stage.volumes.update(volume_id, {"host": None})
            if request.get("exc") and properties.get("retry"):
                properties["retry"]["exc"] = request["exc"]
        else:
            spec = _spec_of(request)
            properties = decoded(copy.deepcopy(request.get("filter_properties", {})))
        properties = properties or {}
        tried = properties.get("retry") if isinstance(properties, Mapping) else None
        self._tried = tuple(tried.get("backends") or ()) if isinstance(tried, Mapping) else ()
        self._specs[-1] = (spec, properties)
        return spec, properties

    def _ensure_volume(self, volume_id: str, spec: Mapping[str, Any]) -> None:
        if volume_id not in self.stage.volumes.rows and volume_id not in self.stage.deleted:
            described = spec.get("volume_properties") or {}
            size = described.get("size")
            row = {
                "id": volume_id,
                "status": "creating",
                "size": size if isinstance(size, int) else 0,
                "project_id": described.get("project_id") or "project",
            }
            self.stage.volumes.create(volume_of(row))

    def _take(self, pool_id: str, size_gb: float) -> None:
        """What the caller of a question takes on the answer."""
        self._claim(f"taken/{self._number}", (pool_id, size_gb))

    def _confirm(self, backend_id: str, stamp: datetime) -> None:
        """A report is on its way: what it may know by Cinder's reckoning, the backend has made real.

        That is what was taken before the last time that Cinder took room in the pool. A volume that is scheduled again
        later has failed, and was never made.
        """
        coming = self.case["requests"][self._number :]
        asked_again = [each["reschedule_of"] for each in coming if "reschedule_of" in each]
        specs = [self.spec_of(number) for number in asked_again if number < len(self._specs)]
        failed = {spec.get("volume_id") for spec in specs if isinstance(spec, Mapping)}
        for key, claim in list(self.stage.claims.rows.items()):
            taken = self.books.consumed_at(claim.pool_id)
            if backend_of(claim.pool_id) == backend_id and key not in failed and taken and taken < stamp:
                self.stage.claims.confirm(key, claim.made_at)


#: Operations that decide on pools, or list them.
QUESTIONS = frozenset(
    {
        "create_volume",
        "backend_passes_filters",
        "find_retype_backend",
        "create_group",
        "get_pools",
        "filter_and_weigh",
    }
)


def _spec_of(request: Mapping[str, Any]) -> Any:
    """The request spec as it arrives: one that is an object in Cinder has the properties under both of their names."""
    spec = decoded(copy.deepcopy(request.get("request_spec")))
    if isinstance(spec, dict) and request.get("spec_as_object"):
        spec["resource_properties"] = spec.get("volume_properties")
    return spec


def _listed(given: Any, default: Any) -> list[str]:
    if given is None:
        given = default
    return [given] if isinstance(given, str) else list(given)
