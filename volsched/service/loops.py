"""The loops of a scheduler and of an agent: what they do again and again until they are told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from volsched.api.audit import Audit
from volsched.exceptions import DatabaseUnavailable
from volsched.service.application import Application
from volsched.service.generation import Current

LOG = logging.getLogger(__name__)

#: So long at most until a loop that waits for work sees that it is to stop.
LONGEST_NAP = 0.5
#: So long, in seconds, is waited for the bus to let go of us at the end.
LAST_WORDS = 5.0
#: So long until a loop that is switched off looks whether it still is.
IDLE = 60.0

Loop = Callable[[threading.Event], None]
#: The loops of a process, which is the first (or only) one of its service, or not.
Loops = Callable[[Current, bool], list[Loop]]


def scheduler_loops(current: Current, first: bool) -> list[Loop]:
    """What a scheduler does. Raises LoadProblems, or what else is wrong, before anything runs."""
    current.application.start()
    listeners = current.application.scheduler_servers()
    current.application.scheduler  # noqa: B018 - made here, so that what is wrong is said before anything runs

    def look(application: Application) -> None:
        guarded(application.recover)
        guarded(application.pools.renew)

    def until_audit(application: Application) -> float:
        return float(application.conf.scheduler.audit_interval) or IDLE

    loops: list[Loop] = [
        lambda stop: _work(current, stop, lambda application: application.scheduler.work_once),
        lambda stop: _each(current, stop, look, lambda application: application.conf.scheduler.poll_interval),
        *(partial(_listen, server) for server in listeners),
    ]
    if first:  # once a machine is enough
        loops.append(lambda stop: _each(current, stop, _audit, until_audit))
    return loops


def agent_loops(current: Current, first: bool) -> list[Loop]:
    """What an agent does. Raises LoadProblems, or what else is wrong, before anything runs."""
    current.application.start()
    listeners = current.application.agent_servers()
    current.application.agent  # noqa: B018 - made here, so that what is wrong is said before anything runs

    def report(application: Application) -> None:
        guarded(application.report)

    loops: list[Loop] = [
        lambda stop: _work(current, stop, lambda application: application.agent.work_once),
        *(partial(_listen, server) for server in listeners),
    ]
    if first:  # the others work on the same backends
        loops.append(
            lambda stop: _each(current, stop, report, lambda application: application.conf.agent.report_interval)
        )
    return loops


def guarded(step: Callable[[], object]) -> object:
    """One step of a loop that must outlive a database that is away for a while."""
    try:
        return step()
    except DatabaseUnavailable as problem:
        LOG.error("%s; trying again", problem)
        return None


def _audit(application: Application) -> None:
    if not application.conf.scheduler.audit_interval:
        return
    try:
        guarded(Audit(application.database, observer=application.telemetry.observer).log)
    except Exception:  # placing goes on whatever the audit stumbles over
        LOG.exception("the audit failed; it is made again later")


def _work(current: Current, stop: threading.Event, step: Callable[[Application], Callable[[], bool]]) -> None:
    """One piece of work after the other, each with the configuration that it was begun under."""
    while not stop.is_set():
        with current.used("work") as application:
            woken = application.woken
            woken.clear()  # before looking: a wake-up that comes meanwhile counts for the next time
            left = application.conf.scheduler.poll_interval
            worked = guarded(step(application))
        while not worked and left > 0 and not stop.is_set() and not woken.wait(min(left, LONGEST_NAP)):
            left -= LONGEST_NAP


def _listen(server: Any, stop: threading.Event) -> None:
    """Hear what comes over the bus; a bus that is away delays work until somebody looks, and stops nothing."""
    started = threading.Event()

    def start() -> None:
        try:
            server.start()  # blocks for as long as there is no broker
            started.set()
        except Exception as problem:  # noqa: BLE001 - oslo.messaging and kombu raise what they like
            LOG.error("nothing is heard over the message bus; work is found by looking: %s", problem)

    def end() -> None:
        try:
            server.stop()  # both block for as long as the broker does not answer
            server.wait()
        except Exception as problem:  # noqa: BLE001 - as above
            LOG.warning("the connection to the message bus did not end in order: %s", problem)

    threading.Thread(target=start, name="bus", daemon=True).start()
    stop.wait()
    if started.is_set():
        ending = threading.Thread(target=end, name="bus-end", daemon=True)
        ending.start()
        ending.join(LAST_WORDS)
        if ending.is_alive():
            LOG.warning("the message bus does not answer; its connection is left as it is")


def _each(
    current: Current,
    stop: threading.Event,
    step: Callable[[Application], None],
    interval: Callable[[Application], float],
) -> None:
    """A step, again and again; its function's name is the loop's."""
    while not stop.is_set():
        with current.used(step.__name__.strip("_")) as application:
            step(application)
            pause = interval(application)
        stop.wait(pause)
