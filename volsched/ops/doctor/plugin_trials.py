"""Trials of plugins: load, construct, validate and, on request, start, query and stop each, within a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from volsched.conf import Configuration
from volsched.exceptions import NotFound
from volsched.loader import KINDS, SCHEDULER, Catalog, LoadProblems, Plugins, Problem
from volsched.loader.construction import Built, build
from volsched.loader.loaded import start, stop
from volsched.loader.loader import prepare_whole
from volsched.loader.problems import Findings, did_you_mean
from volsched.loader.selection import Choice, select, select_profiles
from volsched.ops.doctor.context import DoctorContext, failure, warning
from volsched.placement.pipeline import Placing
from volsched.placement.registry import Registry, utc_now
from volsched.plugins import Candidates, Ranking, RequestSpec, SchedulerResources, Weighing, WeightHandler

T = TypeVar("T")

SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The problems of one plugin; with `choice` None, the problems of the selection itself."""

    choice: Choice | None
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        return not any(problem.fatal for problem in self.problems)


class TooSlow(Exception):
    """A call did not return within its time limit."""


# -- `volsched plugin check` -------------------------------------------------------------------------------------------


def selected(conf: Configuration, catalog: Catalog, *, probe: bool) -> list[Trial]:
    """Try every plugin that the configuration selects; the first trial holds the problems of the selection."""
    choices, problems = _choices(conf, catalog)
    trials = [_trial(conf, catalog, choice, probe=probe) for choice in choices]
    return [*([Trial(choice=None, problems=problems)] if problems else []), *trials]


def named(conf: Configuration, catalog: Catalog, name: str, kind: str | None, *, probe: bool) -> list[Trial]:
    """Try the plugins or instances of this name, selected or not, with their configured options. Raises NotFound."""
    kinds = [it for it in KINDS if kind in (None, it.name, it.plural, it.plural.replace(" ", "_"))]
    entries = [entry for it in kinds for entry in catalog.called(it, name)]
    chosen, _ = _choices(conf, catalog)
    choices = [it for it in chosen if it.kind in kinds and (it.name == name or it.entry in entries)]
    unused = [entry for entry in entries if entry not in {choice.entry for choice in choices}]
    choices += [Choice(entry=entry, name=entry.name, where="volsched plugin check") for entry in unused]
    if not choices:
        hint = did_you_mean(name, {*(it.name for it in catalog), *(it.name for it in chosen)})
        raise NotFound("plugin", name, f"{hint}volsched plugin list shows the known ones")
    return [_trial(conf, catalog, choice, probe=probe) for choice in choices]


def _choices(conf: Configuration, catalog: Catalog) -> tuple[list[Choice], tuple[Problem, ...]]:
    findings = Findings()
    choices: Iterable[Choice] = select(conf, catalog, KINDS, findings)
    of_profiles = [choice for it in select_profiles(conf, catalog, findings) for choice in it.choices]
    return list({choice.section: choice for choice in (*of_profiles, *choices)}.values()), findings.fatal


def _trial(conf: Configuration, catalog: Catalog, choice: Choice, *, probe: bool) -> Trial:
    findings = Findings()
    further: Sequence[Problem] = ()
    prepared = prepare_whole(conf, catalog, choice, findings)
    if prepared is not None:
        with trial_resources() if choice.kind is SCHEDULER else nullcontext() as resources:
            plugin = build(prepared, findings, *([resources] if resources is not None else []))
            if plugin is not None and probe:
                further = list(probed([Built(prepared=prepared, plugin=plugin)]))
    return Trial(choice=choice, problems=(*findings.fatal, *findings.warnings, *further))


# -- the doctor's check ------------------------------------------------------------------------------------------------


def problems(context: DoctorContext) -> Iterator[Problem]:
    """Plugins that cannot start, report that they are unwell, or do not answer in time.

    A plugin that runs in a service on this machine may hold what its second instance needs: such failures are warnings.
    """
    if context.plugins is None:
        return
    yield from _driver(context.plugins)
    running = ", ".join(f"{service.program} ({service.pid})" for service in context.services)
    for problem in probed(context.plugins.everything):
        if problem.fatal and running:
            what = f"{problem.what} (tried while {running} runs, which may hold what the plugin needs)"
            problem = replace(problem, fatal=False, what=what)
        yield problem


def _driver(plugins: Plugins) -> Iterator[Problem]:
    """Construct, start and stop the scheduler driver on resources of its own."""
    if plugins.driver is None:
        return

    def start_and_stop() -> None:
        with trial_resources() as resources:
            plugins.stop_scheduler(plugins.scheduler(resources))

    yield from _step(start_and_stop, f"[{plugins.driver.choice.section}]", str(plugins.driver.choice.entry), SECONDS)


def probed(plugins: Iterable[Built], seconds: float = SECONDS) -> Iterator[Problem]:
    """Start each plugin, query its health and stop it, each step within `seconds`."""
    for each in plugins:
        where, entry = f"[{each.choice.section}]", str(each.choice.entry)
        found = list(_step(partial(start, [each]), where, entry, seconds))
        yield from found
        if found:
            continue
        try:
            ill = within(seconds, each.plugin.health)
        except TooSlow:
            yield _slow(where, f"health() of {entry}", seconds)
        except Exception as problem:  # noqa: BLE001 - a plugin may raise anything; the operator sees it
            text = each.prepared.masked(f"{type(problem).__name__}: {problem}")
            yield failure("VS216", where, f"health() of {entry} failed: {text}", "report it to the plugin's vendor")
        else:
            if ill is not None:
                text = each.prepared.masked(str(ill))
                yield warning("VS216", where, f"{entry} reports a problem: {text}", "fix what the plugin names")
        yield from _step(partial(stop, [each]), where, entry, seconds)


def _step(step: Callable[[], None], where: str, entry: str, seconds: float) -> Iterator[Problem]:
    try:
        within(seconds, step)
    except LoadProblems as found:
        yield from found.problems
    except TooSlow:
        yield _slow(where, entry, seconds)


def _slow(where: str, what: str, seconds: float) -> Problem:
    fix = "check the service or device that the plugin waits for, or remove the plugin from the configuration"
    return failure("VS217", where, f"{what}: no answer within {seconds:g} s", fix)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return or raise what `call` does. Raises TooSlow after `seconds`; the call then goes on in its thread."""
    result: Future[T] = Future()

    def attempt() -> None:
        try:
            result.set_result(call())
        except BaseException as problem:  # noqa: BLE001 - raised again in the caller's thread
            result.set_exception(problem)

    threading.Thread(target=attempt, name="probe", daemon=True).start()
    try:
        return result.result(seconds)
    except FutureTimeout:
        if result.done():
            raise  # the call itself raised it
        raise TooSlow from None


# -- what a scheduler driver is constructed with -----------------------------------------------------------------------


class _CandidateOrder(WeightHandler):
    """The handler of a trial: pools stay in candidate order."""

    contract = (1, 0)

    def rank(self, request: RequestSpec, candidates: Candidates, weighings: Sequence[Weighing]) -> Ranking:
        return Ranking(np.arange(len(candidates)), np.zeros(len(candidates)), ())


@contextmanager
def trial_resources() -> Iterator[SchedulerResources]:
    """Resources for one scheduler driver: the production stores on an empty database in memory, and no pools."""
    from volsched.db.claims import Claims
    from volsched.db.database import Database
    from volsched.db.outbox import Outbox
    from volsched.db.records import Decisions, Failures
    from volsched.db.volume_types import VolumeTypes
    from volsched.db.volumes import Facts, Volumes

    database = Database("sqlite://")
    database.upgrade()
    try:
        yield SchedulerResources(
            pools=Registry("20.0", clock=utc_now),
            claims=Claims(database),
            volumes=Volumes(database),
            types=VolumeTypes(database),
            facts=Facts(database),
            events=Outbox(database),
            decisions=Decisions(database),
            failures=Failures(database),
            chooser=Placing((), (), _CandidateOrder()),
            clock=utc_now,
        )
    finally:
        database.close()
