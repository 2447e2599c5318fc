"""The loops of a scheduler and of an agent: the steps that they repeat until they are stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from volsched.api.audit import Audit
from volsched.model.problem_log import ProblemLog
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication

LOG = logging.getLogger(__name__)

#: Longest time, in seconds, until a loop that waits for work notices that it is to stop.
LONGEST_NAP = 0.5
#: Seconds to wait after the first failure of a loop's step, doubled after each further one, and the limit.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
#: Seconds that the connection to the bus has to close when the service stops.
BUS_CLOSE_SECONDS = 5.0
#: Seconds until a loop that is switched off reads its option again.
IDLE = 60.0

Step = Callable[[Application], object]
Loop = Callable[[threading.Event], None]
#: The loops of a process, given whether it is the first (or only) one of its service.
Loops = Callable[[CurrentApplication, bool], list[Loop]]


def scheduler_loops(current: CurrentApplication, first: bool) -> list[Loop]:
    """Return the loops of a scheduler. Raises LoadProblems and other errors before any of them runs."""
    application = current.application
    application.start()
    listeners = application.scheduler_servers()
    application.scheduler  # noqa: B018 - construct it now, so that configuration errors are raised here

    loops: list[Loop] = [
        partial(_work, current, lambda application: application.scheduler.work_once()),
        partial(_repeat, current, "look", [_recover, _refresh_pools], _poll_interval),
        *(partial(_listen, server) for server in listeners),
    ]
    if first:  # one audit a machine is enough
        loops.append(partial(_repeat, current, "audit", [_audit], _audit_interval))
    return loops


def agent_loops(current: CurrentApplication, first: bool) -> list[Loop]:
    """Return the loops of an agent. Raises LoadProblems and other errors before any of them runs."""
    application = current.application
    application.start()
    listeners = application.agent_servers()
    application.agent  # noqa: B018 - construct it now, so that configuration errors are raised here

    loops: list[Loop] = [
        partial(_work, current, lambda application: application.agent.work_once()),
        *(partial(_listen, server) for server in listeners),
    ]
    if first:  # the other workers serve the same backends
        loops.append(partial(_repeat, current, "report", [_report], _report_interval))
    return loops


class Guard:
    """Runs one step of a loop again and again, and survives whatever it raises."""

    def __init__(self, task: str) -> None:
        self._problems = ProblemLog(LOG, task)

    def run(self, step: Step, application: Application) -> object:
        """Return what the step returns; None where it raised."""
        try:
            result = step(application)
        except Exception as problem:  # noqa: BLE001 - logged, and tried again after a pause
            self._problems.failed(problem)
            return None
        self._problems.succeeded()
        return result

    @property
    def pause(self) -> float:
        """Seconds to wait before the next attempt; 0 after a success."""
        failures = self._problems.failures
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16)) if failures else 0.0


def _recover(application: Application) -> None:
    application.recover()


def _refresh_pools(application: Application) -> None:
    application.pools.renew()


def _report(application: Application) -> None:
    application.report()


def _audit(application: Application) -> None:
    if application.conf.scheduler.audit_interval:
        Audit(application.database, observer=application.telemetry.observer).log()


def _poll_interval(application: Application) -> float:
    return float(application.conf.scheduler.poll_interval)


def _report_interval(application: Application) -> float:
    return float(application.conf.agent.report_interval)


def _audit_interval(application: Application) -> float:
    return float(application.conf.scheduler.audit_interval) or IDLE


def _work(current: CurrentApplication, step: Step, stop: threading.Event) -> None:
    """Do one piece of work after the other, each with the configuration under which it was begun."""
    guard = Guard("work")
    while not stop.is_set():
        with current.used("work") as application:
            woken = application.woken
            woken.clear()  # before taking work: a wake-up during the step counts for the next one
            worked = guard.run(step, application)
            left = application.conf.scheduler.poll_interval
        stop.wait(guard.pause)
        while not worked and left > 0 and not stop.is_set() and not woken.wait(min(left, LONGEST_NAP)):
            left -= LONGEST_NAP


def _repeat(
    current: CurrentApplication,
    name: str,
    steps: Sequence[Step],
    interval: Callable[[Application], float],
    stop: threading.Event,
) -> None:
    """Run the steps at an interval; a step that raises neither ends the loop nor prevents the others."""
    guards = [Guard(step.__name__.strip("_").replace("_", " ")) for step in steps]
    while not stop.is_set():
        with current.used(name) as application:
            for guard, step in zip(guards, steps, strict=True):
                guard.run(step, application)
            pause = interval(application)
        stop.wait(pause)


def _listen(server: Any, stop: threading.Event) -> None:
    """Receive wake-ups over the bus. Without the bus, work is found by polling, and nothing stops."""
    started = threading.Event()

    def start() -> None:
        try:
            server.start()  # blocks for as long as there is no broker
            started.set()
        except Exception as problem:  # noqa: BLE001 - oslo.messaging and kombu declare no errors
            LOG.error("message bus: cannot listen: %s; work is found by polling", problem)

    def end() -> None:
        try:
            server.stop()  # both block for as long as the broker does not answer
            server.wait()
        except Exception as problem:  # noqa: BLE001 - as above
            LOG.warning("message bus: the connection was not closed in order: %s", problem)

    threading.Thread(target=start, name="bus", daemon=True).start()
    stop.wait()
    if started.is_set():
        ending = threading.Thread(target=end, name="bus-end", daemon=True)
        ending.start()
        ending.join(BUS_CLOSE_SECONDS)
        if ending.is_alive():
            LOG.warning("message bus: no answer; the connection is left open")
