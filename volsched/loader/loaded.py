"""The selected plugins, constructed, and their start and stop."""

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
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.plugins.backends import StorageBackend
from volsched.plugins.filters import Filter
from volsched.plugins.notifiers import Notifier
from volsched.plugins.schedulers import Chooser, SchedulerDriver, SchedulerResources
from volsched.plugins.weighers import Weigher, WeightHandler

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePlugins:
    """The plugins of one profile."""

    name: str
    types: tuple[str, ...]  # names or ids
    filters: tuple[tuple[str, Filter], ...]
    weighers: tuple[tuple[str, Weigher], ...]
    weight_handler: WeightHandler


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """The selected plugins. Kinds that were not loaded are empty."""

    built: tuple[Built, ...]
    of_profiles: tuple[Built, ...] = ()  # plugins that only profiles select
    profiles: tuple[Profile, ...] = ()
    driver: Prepared | None = None  # constructed once its resources exist
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
        """Raise LookupError where weight handlers were not loaded."""
        return cast("WeightHandler", next(iter(self._of(WEIGHT_HANDLER).values()), None) or _not_loaded())

    @cached_property
    def notifiers(self) -> Mapping[str, Notifier]:
        return MappingProxyType(self._of(NOTIFIER))

    @cached_property
    def backends(self) -> Mapping[str, StorageBackend]:
        return MappingProxyType(self._of(BACKEND))

    def in_process(self, process: str) -> Plugins:
        """Return the same without the notifiers that only other processes deliver to; their interests remain."""
        kept = tuple(
            each
            for each in self.built
            if each.choice.kind is not NOTIFIER or self.interests[each.choice.name].in_process(process)
        )
        return replace(self, built=kept)

    @property
    def everything(self) -> tuple[Built, ...]:
        """Every constructed plugin, each once."""
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

    def chooser(self, *, slow_seconds: float, observer: Observer = NO_OBSERVER) -> Chooser:
        """Return the filters and weighers of [scheduler] and of the profiles, under a watchdog."""
        from volsched.placement.pipeline import Placing
        from volsched.placement.profiles import Profile as PlacementProfile
        from volsched.placement.profiles import Profiles
        from volsched.placement.watchdog import Watchdog, Watched

        chooser: Chooser = Placing(self.filters, self.weighers, self.weight_handler)
        if self.profiles:
            profiles = [
                PlacementProfile(
                    name=it.name, types=it.types, chooser=Placing(it.filters, it.weighers, it.weight_handler)
                )
                for it in self.by_profile
            ]
            chooser = Profiles(chooser, profiles)
        watched = [
            Watched(name=it.choice.name, label=str(it.choice.entry), package=it.choice.entry.provider, plugin=it.plugin)
            for it in self.everything
        ]
        return Watchdog(chooser, watched, slow_seconds=slow_seconds, observer=observer)

    def _of(self, kind: Kind) -> dict[str, Any]:
        return {each.choice.name: each.plugin for each in self.built if each.choice.kind is kind}

    def scheduler(self, resources: SchedulerResources) -> SchedulerDriver:
        """Construct and start the selected scheduler driver. The caller stops it.

        Raise LoadProblems where it cannot be constructed or started, LookupError where it was not loaded.
        """
        findings = Findings()
        made = build(self.driver or _not_loaded(), findings, resources)
        findings.raise_if_fatal()
        start([Built(prepared=cast("Prepared", self.driver), plugin=made)])
        return cast("SchedulerDriver", made)

    def stop_scheduler(self, driver: SchedulerDriver) -> None:
        """Stop a driver that `scheduler` returned; a failure is logged."""
        stop([Built(prepared=cast("Prepared", self.driver), plugin=driver)])

    def start(self) -> None:
        """Start every plugin, or none: raise LoadProblems with every plugin that failed."""
        start(self.everything)

    def stop(self) -> None:
        """Stop every plugin, last first; a failure is logged, and the others are stopped too."""
        stop(self.everything)


def _not_loaded() -> Any:
    raise LookupError("this kind of plugin was not loaded")


def start(built: Iterable[Built]) -> None:
    """Start these plugins, or none: raise LoadProblems with every plugin that failed."""
    findings = Findings()
    tried: list[Built] = []
    for each in built:
        tried.append(each)
        try:
            each.plugin.start()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; the operator sees it
            what = f"{each.choice.entry} cannot start: {type(error).__name__}: {each.prepared.masked(str(error))}"
            fix = "fix what the error names, or remove the plugin from the configuration"
            findings.add("VS111", f"[{each.choice.section}]", what, fix)
    if findings.fatal:
        stop(tried)
    findings.raise_if_fatal()


def stop(built: Iterable[Built]) -> None:
    """Stop these plugins, last first; a failure is logged."""
    for each in reversed(tuple(built)):
        try:
            each.plugin.stop()
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the others are stopped too
            problem = each.prepared.masked(f"{type(error).__name__}: {error}")
            LOG.error("[%s]: %s could not be stopped: %s", each.choice.section, each.choice.entry, problem)
