"""The selected plugins, constructed: what the rest of volsched works with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

from volsched.loader.construction import Built, Prepared, build
from volsched.loader.kinds import BACKEND, FILTER, NOTIFIER, WEIGHER, WEIGHT_HANDLER, Kind
from volsched.loader.problems import Findings, Problem
from volsched.loader.selection import Profile
from volsched.model.event import Interest
from volsched.plugins.backends import StorageBackend
from volsched.plugins.filters import Filter
from volsched.plugins.notifiers import Notifier
from volsched.plugins.schedulers import SchedulerDriver, SchedulerResources
from volsched.plugins.weighers import Weigher, WeightHandler

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePlugins:
    """What places the volumes of some types."""

    name: str
    types: tuple[str, ...]  # names or ids
    filters: tuple[tuple[str, Filter], ...]
    weighers: tuple[tuple[str, Weigher], ...]
    weight_handler: WeightHandler


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """Everything that the configuration selects. Kinds that were not asked for are empty."""

    built: tuple[Built, ...]
    of_profiles: tuple[Built, ...] = ()  # what only profiles name
    profiles: tuple[Profile, ...] = ()
    driver: Prepared | None = None  # a scheduler driver is constructed when its resources exist
    zones: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # of the backends
    interests: Mapping[str, Interest] = field(default_factory=lambda: MappingProxyType({}))  # of all notifiers
    warnings: tuple[Problem, ...] = ()

    @cached_property
    def filters(self) -> tuple[tuple[str, Filter], ...]:
        return tuple(self._of(FILTER).items())

    @cached_property
    def weighers(self) -> tuple[tuple[str, Weigher], ...]:
        return tuple(self._of(WEIGHER).items())

    @cached_property
    def weight_handler(self) -> WeightHandler:
        """Raises LookupError where weight handlers were not asked for."""
        return cast("WeightHandler", next(iter(self._of(WEIGHT_HANDLER).values()), None) or _not_asked_for())

    @cached_property
    def notifiers(self) -> Mapping[str, Notifier]:
        return MappingProxyType(self._of(NOTIFIER))

    @cached_property
    def backends(self) -> Mapping[str, StorageBackend]:
        return MappingProxyType(self._of(BACKEND))

    def in_process(self, process: str) -> Plugins:
        """The same without the notifiers that other processes deliver to. Their interests stay, and so their names."""
        kept = tuple(
            each
            for each in self.built
            if each.choice.kind is not NOTIFIER or self.interests[each.choice.name].in_process(process)
        )
        return replace(self, built=kept)

    @property
    def everything(self) -> tuple[Built, ...]:
        """Every plugin that is there, each once."""
        return (*self.built, *self.of_profiles)

    @cached_property
    def by_profile(self) -> tuple[ProfilePlugins, ...]:
        """The profiles, each with its plugins."""
        made = {each.choice.section: each.plugin for each in self.everything}
        return tuple(
            ProfilePlugins(
                name=profile.name,
                types=profile.types,
                filters=tuple((choice.name, made[choice.section]) for choice in profile.filters),
                weighers=tuple((choice.name, made[choice.section]) for choice in profile.weighers),
                weight_handler=made[profile.handlers[0].section],
            )
            for profile in self.profiles
        )

    def _of(self, kind: Kind) -> dict[str, Any]:
        return {each.choice.name: each.plugin for each in self.built if each.choice.kind is kind}

    def scheduler(self, resources: SchedulerResources) -> SchedulerDriver:
        """The selected scheduler driver, in this resources, started; to stop it is the caller's business.

        Raises LoadProblems where it cannot be constructed or started, LookupError where it was not asked for.
        """
        findings = Findings()
        made = build(self.driver or _not_asked_for(), findings, resources)
        findings.raise_if_fatal()
        start([Built(prepared=cast("Prepared", self.driver), plugin=made)])
        return cast("SchedulerDriver", made)

    def stop_scheduler(self, driver: SchedulerDriver) -> None:
        """Stop a driver that `scheduler` made; where that fails it is logged."""
        stop([Built(prepared=cast("Prepared", self.driver), plugin=driver)])

    def start(self) -> None:
        """Start every plugin, or none: raises LoadProblems that name all which would not."""
        start(self.everything)

    def stop(self) -> None:
        """Stop every plugin, the last one first; one that fails is logged and keeps no other from stopping."""
        stop(self.everything)


def _not_asked_for() -> Any:
    raise LookupError("this kind of plugin was not asked for when the plugins were loaded")


def start(built: Iterable[Built]) -> None:
    """Start these plugins, or none: raises LoadProblems that name all which would not."""
    findings = Findings()
    tried: list[Built] = []
    for each in built:
        tried.append(each)
        try:
            each.plugin.start()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code; it is named to the operator
            what = f"{each.choice.entry} cannot start: {type(error).__name__}: {each.prepared.masked(str(error))}"
            fix = "fix what it names, or take it out of the configuration"
            findings.add("VS111", f"[{each.choice.section}]", what, fix)
    if findings.fatal:
        stop(tried)
    findings.raise_if_fatal()


def stop(built: Iterable[Built]) -> None:
    """Stop these plugins, the last one first; one that fails is logged."""
    for each in reversed(tuple(built)):
        try:
            each.plugin.stop()
        except Exception as error:  # noqa: BLE001 - a stranger's code; the others are to be stopped all the same
            problem = each.prepared.masked(f"{type(error).__name__}: {error}")
            LOG.error("[%s]: %s could not be stopped: %s", each.choice.section, each.choice.entry, problem)
