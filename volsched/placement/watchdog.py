"""Supervision of plugins while they decide: the log names plugins that raise and plugins that take long."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from volsched.exceptions import PluginError
from volsched.model.candidates import Candidates
from volsched.model.decision import Decision
from volsched.model.observer import NO_OBSERVER, Observer
from volsched.model.request import RequestSpec
from volsched.plugins import Chooser

LOG = logging.getLogger(__name__)

#: How often the watchdog's thread checks within the time that a plugin may take.
CHECKS = 8
SHORTEST_PAUSE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """A plugin that takes part in decisions. `label` is the operator's name for it."""

    name: str
    label: str  # filter rack of volsched-rack 1.0.0
    package: str  # volsched-rack 1.0.0
    plugin: object


class _DecisionInProgress:
    """The plugin that runs for one decision, and since when: written by the deciding thread, read by the watchdog's."""

    __slots__ = ("_watchdog", "logged", "running")

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        # One tuple, replaced as a whole: the other thread never reads one plugin with another one's time.
        self.running: tuple[object, str, float] | None = None
        self.logged: object = None  # the `running` that was logged as slow

    def start(self, plugin: object, name: str) -> None:
        now = perf_counter()
        if self.running is not None and now - self.running[2] >= self._watchdog.slow_seconds:
            self._watchdog.log_finished(self.running, now)
        self.running = (plugin, name, now)

    def end(self) -> None:
        if self.running is not None and perf_counter() - self.running[2] >= self._watchdog.slow_seconds:
            self._watchdog.log_finished(self.running, perf_counter())
        self.running = None


#: The decision of this thread (or green thread); None: nobody supervises it.
_DECISION: ContextVar[_DecisionInProgress | None] = ContextVar("decision in progress", default=None)


def starting(plugin: object, name: str) -> None:
    """Note that `plugin` runs from now on, until the next one starts or the decision ends."""
    decision = _DECISION.get()
    if decision is not None:
        decision.start(plugin, name)


class Watchdog:
    """A chooser that delegates to another one, and names the plugins that raise or take long.

    The pipeline notes when it calls which plugin. A thread compares these times with `slow_seconds` and names a plugin
    while it still runs; the deciding thread logs how long it took in the end. A plugin cannot be interrupted: its
    scheduler thread serves no other request until the plugin returns.
    """

    def __init__(
        self,
        chooser: Chooser,
        plugins: Iterable[Watched],
        *,
        slow_seconds: float,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self.needs = chooser.needs
        self.slow_seconds = slow_seconds
        self._chooser = chooser
        self._plugins = tuple(plugins)
        self._labels = {id(watched.plugin): watched.label for watched in self._plugins}
        self._observer = observer
        self._decisions: dict[int, _DecisionInProgress] = {}
        self._watching = False

    def screen(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter only. Raises PluginError, with the package and with a decision that says which plugin failed."""
        return self._supervised(self._chooser.screen, request, candidates)

    def place(self, request: RequestSpec, candidates: Candidates) -> Decision:
        """Filter, weigh, rank. Raises as `screen` does."""
        return self._supervised(self._chooser.place, request, candidates)

    def _supervised(
        self, choose: Callable[[RequestSpec, Candidates], Decision], request: RequestSpec, candidates: Candidates
    ) -> Decision:
        if not self._watching:
            self._start_watching()
        in_progress = _DecisionInProgress(self)
        self._decisions[id(in_progress)] = in_progress
        token = _DECISION.set(in_progress)
        self._observer.decision_started()
        result: Decision | BaseException
        begun = perf_counter()
        try:
            result = choose(request, candidates)
            return result
        except PluginError as problem:
            result = self._with_package(problem, request, candidates)
            LOG.error("%s", result, exc_info=problem.__cause__ or problem)
            raise result from problem.__cause__
        except BaseException as problem:
            result = problem
            raise
        finally:
            _DECISION.reset(token)
            in_progress.end()
            del self._decisions[id(in_progress)]
            self._observer.decision_ended(request, candidates, result, perf_counter() - begun)

    def _with_package(self, problem: PluginError, request: RequestSpec, candidates: Candidates) -> PluginError:
        """Return the error with the package of the plugin, and with a decision that places nothing."""
        meant = [it for it in self._plugins if it.name == problem.plugin or it.label.startswith(f"{problem.plugin} ")]
        names, packages = ({getattr(it, what) for it in meant} for what in ("name", "package"))
        named = PluginError(
            " or ".join(sorted(names)) or problem.plugin, problem.problem, " or ".join(sorted(packages))
        )
        nothing = candidates.take(np.zeros(0, np.intp))
        named.decision = Decision(request, nothing, failed=str(named))
        return named

    # -- slow plugins ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Log every plugin that has been running for longer than `slow_seconds`, once."""
        now = perf_counter()
        for decision in list(self._decisions.values()):
            running = decision.running
            if running is None or running is decision.logged or now - running[2] < self.slow_seconds:
                continue
            decision.logged = running
            LOG.warning(
                "%s has been running for %.1f s on one request, longer than [scheduler] slow_plugin_seconds = %g; it "
                "cannot be interrupted: other requests wait for it or are served by other schedulers",
                self._label(running),
                now - running[2],
                self.slow_seconds,
            )

    def log_finished(self, running: tuple[object, str, float], now: float) -> None:
        """Log how long a slow plugin took."""
        LOG.warning("%s finished a request after %.1f s", self._label(running), now - running[2])

    def _label(self, running: tuple[object, str, float]) -> str:
        return self._labels.get(id(running[0]), running[1])

    def _start_watching(self) -> None:
        self._watching = True
        pause = max(self.slow_seconds / CHECKS, SHORTEST_PAUSE)
        threading.Thread(target=_check_regularly, args=(weakref.ref(self), pause), name="watchdog", daemon=True).start()


def _check_regularly(reference: weakref.ref[Watchdog], pause: float) -> None:
    """Until the watchdog is no longer used."""
    never = threading.Event()
    while not never.wait(pause):
        watchdog = reference()
        if watchdog is None:
            return
        watchdog.check()
        del watchdog
