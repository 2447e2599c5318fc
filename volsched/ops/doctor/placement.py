"""Checks of placement: trial requests for the current pools, to find types, filters and weighers without effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from volsched.exceptions import InvalidRequest, PluginError, VolschedError
from volsched.loader import Problem
from volsched.model.candidates import Candidates
from volsched.model.request import Facts, RequestSpec, Retry, VolumeType
from volsched.ops.doctor.context import DoctorContext, failure, warning
from volsched.placement.pipeline import Placing
from volsched.plugins import Filter, Weigher, Weighing, WeightHandler

SIZE_GB = 1
HUGE_GB = 10**12
#: An id that no volume has, a zone without pools.
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
UNKNOWN_ZONE = "a zone without pools, requested by volsched doctor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The filters and weighers of [scheduler] or of one profile, with the types whose volumes they place."""

    section: str  # the section that lists them
    types: tuple[VolumeType | None, ...]
    filters: Sequence[tuple[str, Filter]]
    weighers: Sequence[tuple[str, Weigher]]
    handler: WeightHandler

    @property
    def placing(self) -> Placing:
        return Placing(self.filters, self.weighers, self.handler)


def chains(context: DoctorContext) -> list[Chain]:
    """Return the chain of [scheduler], then those of the profiles."""
    plugins = context.plugins
    if plugins is None:
        return []
    found, taken = [], set()
    for profile in plugins.by_profile:
        mine = tuple(it for it in context.types if it.name in profile.types or it.id in profile.types)
        taken |= {it.id for it in mine}
        found.append(
            Chain(
                section=f"profile_{profile.name}",
                types=mine,
                filters=profile.filters,
                weighers=profile.weighers,
                handler=profile.weight_handler,
            )
        )
    others = (None, *(it for it in context.types if it.id not in taken))
    shared = Chain(
        section="scheduler",
        types=others,
        filters=plugins.filters,
        weighers=plugins.weighers,
        handler=plugins.weight_handler,
    )
    return [shared, *found]


def _pools(context: DoctorContext) -> Candidates | None:
    """Return the pools as a scheduler would see them now; None without pools."""
    if not context.stored or context.plugins is None:
        return None
    pools = context.application.pools.table().candidates()
    return pools if len(pools) else None


# -- volume types --------------------------------------------------------------------------------------------------


def unserved(context: DoctorContext) -> Iterator[Problem]:
    """Report volume types for whose smallest volume no pool passes."""
    pools = _pools(context)
    if pools is None:
        return
    for chain in chains(context):
        for volume_type in chain.types:
            if volume_type is None:
                continue
            where = f"volume type {volume_type.name}"
            try:
                decision = chain.placing.screen(trial_request(volume_type), pools)
            except (InvalidRequest, PluginError) as problem:
                yield failure(
                    "VS207", where, f"no volume of this type can be placed: {problem}", "correct what it names"
                )
                continue
            if not decision:
                fix = "change the type's extra specs, or the capabilities that the backends report"
                yield warning("VS207", where, decision.reason(), fix)


def profiles(context: DoctorContext) -> Iterator[Problem]:
    """Report profiles that list volume types which do not exist."""
    if not context.stored or context.plugins is None:
        return
    known = {written for it in context.types for written in (it.name, it.id)}
    for profile in context.plugins.by_profile:
        for name in profile.types:
            if name not in known:
                where = context.conf.label(f"profile_{profile.name}", "types")
                what = f"there is no volume type {name!r}"
                yield warning("VS128", where, what, f"run volsched type create {name}, or remove it from the list")


# -- filters and weighers without effect ----------------------------------------------------------------------------


def idle(context: DoctorContext) -> Iterator[Problem]:
    """Report filters that reject no pool, and weighers that change no order, in any trial request."""
    pools = _pools(context)
    if pools is None:
        return
    counts = context.application.facts.volume_counts()
    for chain in chains(context):
        if not chain.types:
            continue
        requests = [request for it in chain.types for request in trial_requests(it, pools, counts)]
        yield from _idle_filters(context, chain, requests, pools)
        if _differ(pools):
            yield from _idle_weighers(context, chain, requests, pools)


def trial_request(volume_type: VolumeType | None) -> RequestSpec:
    """Return a request for a small volume, with the properties that a request of a user has."""
    properties = {
        "size": SIZE_GB,
        "availability_zone": None,
        "volume_type_id": volume_type.id if volume_type is not None else None,
        "project_id": UNKNOWN_ID,
        "user_id": UNKNOWN_ID,
        "metadata": {},
        "attach_status": "detached",
        "host": None,
        "qos_specs": volume_type.qos_specs if volume_type is not None else None,
    }
    return RequestSpec(volume_id=UNKNOWN_ID, size_gb=SIZE_GB, volume_type=volume_type, properties=properties)


def trial_requests(
    volume_type: VolumeType | None, pools: Candidates, counts: Mapping[str, int]
) -> Iterator[RequestSpec]:
    """Yield requests that together give each of volsched's filters a reason to reject a pool."""
    pool = pools[0]
    facts = Facts(volume_backends={UNKNOWN_ID: pool.pool_id}, instance_host=UNKNOWN_ID, volume_counts=counts)
    plain = replace(trial_request(volume_type), facts=facts)
    yield plain
    yield replace(plain, size_gb=HUGE_GB, properties={**plain.properties, "size": HUGE_GB})
    yield replace(plain, zone=UNKNOWN_ZONE)
    yield replace(plain, retry=Retry(num_attempts=2, backends=(pool.pool_id,), hosts=(pool.pool_id,)))
    hints: tuple[Mapping[str, Any], ...] = (
        {"same_host": [UNKNOWN_ID]},
        {"different_host": [UNKNOWN_ID]},
        {"local_to_instance": UNKNOWN_ID},
        {"query": '["=", "$backend_id", "nowhere"]'},
    )
    for hint in hints:
        yield replace(plain, hints=hint)
    if volume_type is None or not volume_type.extra_specs:
        # A type may require a capability that no pool has: types are created after filters are chosen.
        picky = VolumeType(id=UNKNOWN_ID, name="volsched doctor", extra_specs={"required_by_volsched_doctor": "yes"})
        yield replace(plain, volume_type=picky)


def _idle_filters(
    context: DoctorContext, chain: Chain, requests: Sequence[RequestSpec], pools: Candidates
) -> Iterator[Problem]:
    for name, plugin in chain.filters:
        where = _listed_at(context, chain, "filters")
        try:
            if _rejects(Placing([(name, plugin)], [], chain.handler), requests, pools):
                continue
        except PluginError as problem:
            yield _fails(where, problem)
            continue
        what = f"{name} rejects none of the {len(pools)} pools in {len(requests)} trial requests"
        yield warning("VS205", where, what, "remove it, or let backends report the capabilities that it reads")


def _fails(where: str, problem: PluginError) -> Problem:
    fix = f"report it to its vendor; volsched plugin show {problem.plugin} names the package"
    return failure("VS218", where, str(problem), fix)


def _rejects(alone: Placing, requests: Iterable[RequestSpec], pools: Candidates) -> bool:
    """Return whether a pool is rejected for a request. Raise PluginError."""
    for request in requests:
        try:
            if len(alone.screen(request, pools).ranked) < len(pools):
                return True
        except PluginError:
            raise
        except VolschedError:  # the request is refused as a whole, which is an effect too
            return True
    return False


def _idle_weighers(
    context: DoctorContext, chain: Chain, requests: Sequence[RequestSpec], pools: Candidates
) -> Iterator[Problem]:
    where = _listed_at(context, chain, "weighers")
    same: dict[str, int] = {}  # weigher -> number of requests in which all weights were equal
    ineffective: dict[str, int] = {}  # weigher -> number of requests in which its opposite gives the same order
    judged = 0
    for request in requests:
        try:
            decision = chain.placing.place(request, pools)
        except PluginError as problem:
            yield _fails(where, problem)
            return
        except VolschedError:
            continue
        survivors = decision.survivors
        if survivors is None or len(survivors) < 2 or not _differ(survivors):
            continue
        judged += 1
        weighings = [Weighing(step.name, step.raw, step.multiplier) for step in decision.weighers]
        order = chain.handler.rank(request, survivors, weighings).order.tolist()
        for at, weighing in enumerate(weighings):
            opposite = Weighing(weighing.name, weighing.raw, -weighing.multiplier)
            turned = [*weighings[:at], opposite, *weighings[at + 1 :]]
            constant = bool((weighing.raw == weighing.raw[0]).all())
            same[weighing.name] = same.get(weighing.name, 0) + constant
            # With two pools, the other weighers agree with this one too often.
            unmoved = len(survivors) > 2 and chain.handler.rank(request, survivors, turned).order.tolist() == order
            ineffective[weighing.name] = ineffective.get(weighing.name, 0) + unmoved
    for name, _ in chain.weighers:
        if judged and same.get(name) == judged:
            what = f"{name} gives all pools the same weight in every trial request"
            yield warning("VS206", where, what, "remove it, or let backends report the capabilities that it reads")
        elif judged and ineffective.get(name) == judged:
            what = f"{name} changes no order: the other weighers outweigh it in every trial request"
            yield warning("VS206", where, what, "set a greater multiplier, or remove it")


def _differ(pools: Candidates) -> bool:
    """Return whether the pools are in use to different degrees."""
    figures = {(pool.free_gb, pool.allocated_gb, pool.provisioned_gb) for pool in pools}
    return len(figures) > 1 and any(pool.allocated_gb > 0 for pool in pools)


def _listed_at(context: DoctorContext, chain: Chain, option: str) -> str:
    """Return the label of the option that lists a chain's plugins."""
    own = context.conf[chain.section][option] is not None
    return context.conf.label(chain.section if own else "scheduler", option)
