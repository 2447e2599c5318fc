"""Checks of placing: filters and weighers are asked about the pools as they are now, and something must come of it."""

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
MORE_THAN_ANY_GB = 10**12
#: An id that no volume has, a zone that no pool is in.
NOBODY = "00000000-0000-4000-8000-000000000000"
NOWHERE = "volsched doctor asks for a zone that no pool is in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Filters and weighers that work together, and the types whose volumes they place."""

    section: str  # where they are listed
    types: tuple[VolumeType | None, ...]
    filters: Sequence[tuple[str, Filter]]
    weighers: Sequence[tuple[str, Weigher]]
    handler: WeightHandler

    @property
    def placing(self) -> Placing:
        return Placing(self.filters, self.weighers, self.handler)


def chains(scene: DoctorContext) -> list[Chain]:
    """That of [scheduler], then those of the profiles."""
    plugins = scene.plugins
    if plugins is None:
        return []
    made, taken = [], set()
    for profile in plugins.by_profile:
        mine = tuple(it for it in scene.types if it.name in profile.types or it.id in profile.types)
        taken |= {it.id for it in mine}
        made.append(
            Chain(
                section=f"profile_{profile.name}",
                types=mine,
                filters=profile.filters,
                weighers=profile.weighers,
                handler=profile.weight_handler,
            )
        )
    others = (None, *(it for it in scene.types if it.id not in taken))
    everybodys = Chain(
        section="scheduler",
        types=others,
        filters=plugins.filters,
        weighers=plugins.weighers,
        handler=plugins.weight_handler,
    )
    return [everybodys, *made]


def _pools(scene: DoctorContext) -> Candidates | None:
    """The pools as a scheduler sees them now; None where there is nothing to ask about."""
    if not scene.stored or scene.plugins is None:
        return None
    pools = scene.application.pools.table().candidates()
    return pools if len(pools) else None


# -- volume types --------------------------------------------------------------------------------------------------


def unserved(scene: DoctorContext) -> Iterator[Problem]:
    """Volume types whose smallest volume finds no pool now."""
    pools = _pools(scene)
    if pools is None:
        return
    for chain in chains(scene):
        for volume_type in chain.types:
            if volume_type is None:
                continue
            where = f"volume type {volume_type.name}"
            try:
                decision = chain.placing.screen(RequestSpec(size_gb=SIZE_GB, volume_type=volume_type), pools)
            except (InvalidRequest, PluginError) as problem:
                yield failure("VS207", where, f"no volume of it can be placed: {problem}", "correct what it names")
                continue
            if not decision:
                fix = "change the type's extra specs, or what the backends report"
                yield warning("VS207", where, decision.reason(), fix)


def profiles(scene: DoctorContext) -> Iterator[Problem]:
    """Profiles that name volume types which nobody made."""
    if not scene.stored or scene.plugins is None:
        return
    known = {written for it in scene.types for written in (it.name, it.id)}
    for profile in scene.plugins.by_profile:
        for name in profile.types:
            if name not in known:
                where = scene.conf.label(f"profile_{profile.name}", "types")
                what = f"there is no volume type {name!r}"
                yield warning("VS128", where, what, f"volsched type create {name}, or take it out")


# -- filters and weighers that do nothing ----------------------------------------------------------------------------


def idle(scene: DoctorContext) -> Iterator[Problem]:
    """Filters that turn no pool away whatever is asked, and weighers that change no order."""
    pools = _pools(scene)
    if pools is None:
        return
    counts = scene.application.facts.volume_counts()
    for chain in chains(scene):
        if not chain.types:
            continue
        asked = [question for it in chain.types for question in questions(it, pools, counts)]
        yield from _idle_filters(scene, chain, asked, pools)
        if _differ(pools):
            yield from _idle_weighers(scene, chain, asked, pools)


def questions(volume_type: VolumeType | None, pools: Candidates, counts: Mapping[str, int]) -> Iterator[RequestSpec]:
    """Requests that between them give every filter we ship a reason to turn a pool away."""
    pool = pools[0]
    facts = Facts(volume_backends={NOBODY: pool.pool_id}, instance_host=NOBODY, volume_counts=counts)
    plain = RequestSpec(volume_id=NOBODY, size_gb=SIZE_GB, volume_type=volume_type, facts=facts)
    yield plain
    yield replace(plain, size_gb=MORE_THAN_ANY_GB)
    yield replace(plain, zone=NOWHERE)
    yield replace(plain, retry=Retry(num_attempts=2, backends=(pool.pool_id,), hosts=(pool.pool_id,)))
    hints: tuple[Mapping[str, Any], ...] = (
        {"same_host": [NOBODY]},
        {"different_host": [NOBODY]},
        {"local_to_instance": NOBODY},
        {"query": '["=", "$backend_id", "nowhere"]'},
    )
    for hint in hints:
        yield replace(plain, hints=hint)
    if volume_type is None or not volume_type.extra_specs:
        # As a type would ask for what no pool has: types are made later than filters are chosen.
        picky = VolumeType(id=NOBODY, name="volsched doctor", extra_specs={"asked_for_by_volsched_doctor": "yes"})
        yield replace(plain, volume_type=picky)


def _idle_filters(
    scene: DoctorContext, chain: Chain, asked: Sequence[RequestSpec], pools: Candidates
) -> Iterator[Problem]:
    for name, plugin in chain.filters:
        where = _listed_at(scene, chain, "filters")
        try:
            if _rejects(Placing([(name, plugin)], [], chain.handler), asked, pools):
                continue
        except PluginError as problem:
            yield failure("VS218", where, str(problem), f"tell its vendor: volsched plugin show {name}")
            continue
        what = f"{name} turns none of the {len(pools)} pools away, whatever is asked ({len(asked)} requests were tried)"
        yield warning("VS205", where, what, "take it out, or see that backends report what it looks at")


def _rejects(alone: Placing, asked: Iterable[RequestSpec], pools: Candidates) -> bool:
    """Whether some pool is rejected for some request. Raises PluginError."""
    for request in asked:
        try:
            if len(alone.screen(request, pools).ranked) < len(pools):
                return True
        except PluginError:
            raise
        except VolschedError:  # the request is refused as a whole: that is an answer too
            return True
    return False


def _idle_weighers(
    scene: DoctorContext, chain: Chain, asked: Sequence[RequestSpec], pools: Candidates
) -> Iterator[Problem]:
    where = _listed_at(scene, chain, "weighers")
    same: dict[str, int] = {}  # weigher -> how often it gave all the same weight
    ruled: dict[str, int] = {}  # weigher -> how often its opposite would have led to the same order
    judged = 0
    for request in asked:
        try:
            decision = chain.placing.place(request, pools)
        except PluginError as problem:
            yield failure("VS218", where, str(problem), f"volsched plugin show {problem.plugin} tells whose it is")
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
            # Of two pools the other weighers' favourite is too often this one's as well.
            unmoved = len(survivors) > 2 and chain.handler.rank(request, survivors, turned).order.tolist() == order
            ruled[weighing.name] = ruled.get(weighing.name, 0) + unmoved
    for name, _ in chain.weighers:
        if judged and same.get(name) == judged:
            what = f"{name} gives all pools the same weight, whatever is asked"
            yield warning("VS206", where, what, "take it out, or see that backends report what it looks at")
        elif judged and ruled.get(name) == judged:
            what = f"{name} changes no order: the other weighers outweigh it in every request that was tried"
            yield warning("VS206", where, what, "give it a greater multiplier, or take it out")


def _differ(pools: Candidates) -> bool:
    """Whether there is something to order by: pools in use, to different degrees."""
    figures = {(pool.free_gb, pool.allocated_gb, pool.provisioned_gb) for pool in pools}
    return len(figures) > 1 and any(pool.allocated_gb > 0 for pool in pools)


def _listed_at(scene: DoctorContext, chain: Chain, option: str) -> str:
    """The option that lists a chain's plugins: a profile's own, where it has one."""
    own = scene.conf[chain.section][option] is not None
    return scene.conf.label(chain.section if own else "scheduler", option)
