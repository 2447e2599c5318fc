"""Holds plugins to account while they choose: what breaks is named with its package, and so is what takes long."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import FrameType

import numpy as np

from volsched.exceptions import PluginError
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.request import RequestSpec
from volsched.plugins import Chooser

LOG = logging.getLogger(__name__)

#: A plugin is looked at so often within the time that it may take.
LOOKS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """A plugin that takes part in choosing. `label` is what an operator knows it by."""

    name: str
    label: str  # filter rack of volsched-rack 1.0.0
    package: str  # volsched-rack 1.0.0
    plugin: object


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """A plugin at work on one request, for as long as it was seen."""

    asked_at: float
    plugin: Watched
    since: float
    told: bool = False


class Watchdog:
    """A chooser that leaves everything to another one, and names the plugin that breaks or takes long.

    A request costs two entries in a dict: a thread of its own looks now and then at what the others are doing. A plugin
    cannot be interrupted: as long as it takes, its scheduler thread is lost to other requests, and the log says so.
    """

    def __init__(self, chooser: Chooser, plugins: Iterable[Watched], *, slow_seconds: float) -> None:
        self.needs = chooser.needs
        self._chooser = chooser
        self._plugins = tuple(plugins)
        self._by_id = {id(watched.plugin): watched for watched in self._plugins}
        self._slow_seconds = slow_seconds
        self._asked: dict[int, float] = {}  # thread -> when it was asked
        self._watching = False

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only. Raises PluginError, which names the package and carries a decision that says what broke."""
        return self._overseen(self._chooser.screen, request, candidates)

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank. Raises as `screen` does."""
        return self._overseen(self._chooser.place, request, candidates)

    def _overseen(
        self, choose: Callable[[RequestSpec, Candidates], Decision], request: RequestSpec, candidates: Candidates
    ) -> Decision:
        if not self._watching:
            self._watch()
        thread = threading.get_ident()
        self._asked[thread] = perf_counter()
        try:
            return choose(request, candidates)
        except PluginError as problem:
            named = self._named(problem, request, candidates)
            LOG.error("%s", named, exc_info=problem.__cause__ or problem)
            raise named from problem.__cause__
        finally:
            self._asked.pop(thread, None)

    def _named(self, problem: PluginError, request: RequestSpec, candidates: Candidates) -> PluginError:
        meant = [it for it in self._plugins if it.name == problem.plugin or it.label.startswith(f"{problem.plugin} ")]
        names, packages = ({getattr(it, what) for it in meant} for what in ("name", "package"))
        named = PluginError(
            " or ".join(sorted(names)) or problem.plugin, problem.problem, " or ".join(sorted(packages))
        )
        nothing = candidates.take(np.zeros(0, np.intp))
        named.decision = Decision(request, nothing, failed=str(named))
        return named

    # -- who takes long ------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        self._watching = True
        pause = self._slow_seconds / LOOKS
        threading.Thread(
            target=_look_now_and_then, args=(weakref.ref(self), pause), name="oversight", daemon=True
        ).start()

    def look(self, before: dict[int, _Spell]) -> dict[int, _Spell]:
        """Who is at work now, by thread; warns of those that take long. `before` is what the last look gave."""
        now, frames = perf_counter(), _frames()
        seen: dict[int, _Spell] = {}
        for thread, asked_at in list(self._asked.items()):
            watched = self._at_work(frames.get(thread))
            if watched is None:
                continue
            spell = before.get(thread)
            if spell is None or (spell.asked_at, spell.plugin) != (asked_at, watched):
                spell = _Spell(asked_at=asked_at, plugin=watched, since=now)
            elif not spell.told and now - spell.since >= self._slow_seconds:
                LOG.warning(
                    "%s has been at one request for %.1f s, longer than [scheduler] slow_plugin_seconds = %g; it "
                    "cannot be interrupted: other requests wait for it or go to other schedulers",
                    watched.label,
                    now - spell.since,
                    self._slow_seconds,
                )
                spell = _Spell(asked_at=asked_at, plugin=watched, since=spell.since, told=True)
            seen[thread] = spell
        for thread, spell in before.items():
            if spell.told and (thread not in seen or seen[thread].since != spell.since):
                LOG.warning("%s is done with a request after %.1f s", spell.plugin.label, now - spell.since)
        return seen

    def _at_work(self, frame: FrameType | None) -> Watched | None:
        """The plugin in whose method a thread is."""
        while frame is not None:
            watched = self._by_id.get(id(frame.f_locals.get("self")))
            if watched is not None:
                return watched
            frame = frame.f_back
        return None


def _frames() -> Mapping[int, FrameType]:
    """What each thread does now.

    Python holds a lock meanwhile, which a garbage collection that begins then may want as well: it would wait for ever.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()


def _look_now_and_then(watcher: weakref.ref[Watchdog], pause: float) -> None:
    """Until nobody has the watcher any more."""
    seen: dict[int, _Spell] = {}
    never = threading.Event()
    while not never.wait(pause):
        oversight = watcher()
        if oversight is None:
            return
        seen = oversight.look(seen)
        del oversight
