"""Trying plugins out: start, ask for their health, stop, each within a bounded time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from functools import partial
from typing import TypeVar

from volsched.loader import LoadProblems, Plugins, Problem
from volsched.loader.construction import Built
from volsched.loader.loaded import start, stop
from volsched.ops.doctor.context import DoctorContext, failure, warning

T = TypeVar("T")

SECONDS = 5.0


class TooSlow(Exception):
    """No answer in time."""


def problems(scene: DoctorContext) -> Iterator[Problem]:
    """Plugins that cannot start, are not well, or do not answer.

    Where services run here, they have started what they need, and a second start beside them proves nothing.
    """
    if scene.plugins is None:
        return
    yield from driver(scene.plugins)
    running = ", ".join(f"{service.program} ({service.pid})" for service in scene.services)
    for problem in probed(scene.plugins.everything):
        if problem.fatal and running:
            what = f"{problem.what} (beside {running}, which may have what it needs)"
            problem = replace(problem, fatal=False, what=what)
        yield problem


def driver(plugins: Plugins) -> Iterator[Problem]:
    """The scheduler driver, constructed and started with resources in memory."""
    if plugins.driver is None:
        return
    from volsched.testing.memory import scheduler_resources

    section = f"[{plugins.driver.choice.section}]"

    def begin_and_end() -> None:
        made = plugins.scheduler(scheduler_resources())
        plugins.stop_scheduler(made)

    yield from _told(begin_and_end, section, str(plugins.driver.choice.entry), SECONDS)


def probed(plugins: Iterable[Built], seconds: float = SECONDS) -> Iterator[Problem]:
    """Start, ask and stop each plugin by itself."""
    for each in plugins:
        where, entry = f"[{each.choice.section}]", str(each.choice.entry)
        found = list(_told(partial(start, [each]), where, entry, seconds))
        yield from found
        if found:
            continue
        try:
            ill = within(seconds, each.plugin.health)
        except TooSlow:
            yield _slow(where, f"{entry} was asked for its health", seconds)
        except Exception as problem:  # noqa: BLE001 - a plugin's, of any kind; it is told
            said = each.prepared.masked(f"{type(problem).__name__}: {problem}")
            yield failure("VS216", where, f"{entry} cannot say how it is: {said}", "tell its vendor")
        else:
            if ill is not None:
                said = each.prepared.masked(str(ill))
                yield warning("VS216", where, f"{entry} is not well: {said}", "fix what it names")
        yield from _told(partial(stop, [each]), where, entry, seconds)


def _told(step: Callable[[], None], where: str, entry: str, seconds: float) -> Iterator[Problem]:
    try:
        within(seconds, step)
    except LoadProblems as found:
        yield from found.problems
    except TooSlow:
        yield _slow(where, entry, seconds)


def _slow(where: str, what: str, seconds: float) -> Problem:
    return failure("VS217", where, f"{what}: no answer within {seconds:g} s", "see what it waits for, or take it out")


def within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises; TooSlow where it takes longer, and is left behind."""
    answer: Future[T] = Future()

    def attempt() -> None:
        try:
            answer.set_result(call())
        except BaseException as problem:  # noqa: BLE001 - raised again, where it was asked for
            answer.set_exception(problem)

    threading.Thread(target=attempt, name="probe", daemon=True).start()
    try:
        return answer.result(seconds)
    except FutureTimeout:
        if answer.done():
            raise  # the call's own
        raise TooSlow from None
