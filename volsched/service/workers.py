"""Several processes of one service: a master that only looks after them, and workers, by oslo.service."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from oslo_config import cfg
from oslo_service.backend.base import ServiceBase

from volsched.conf import Configuration
from volsched.db.leases import this_owner
from volsched.exceptions import VolschedError
from volsched.loader import Catalog, LoadProblems, examine
from volsched.plugins.bus import oslo_service_on_threads
from volsched.service.process import Orders, Place, Program, run

LOG = logging.getLogger(__name__)

#: What a worker says to its master when it ends by itself. Whatever else it ends with, it is started anew.
PART_DIED, REFUSED = os.EX_SOFTWARE, os.EX_CONFIG
#: The master waits so much longer than the workers do: they end by themselves when their time is over.
LONGER_SECONDS = 5
#: Imported by the master: a worker has it at once, and all have it in the same memory.
SHARED = (
    "oslo_messaging",
    "taskflow.engines",
    "volsched.db.work",
    "volsched.notifications.delivery",
    "volsched.placement.pipeline",
    "volsched.flows.create_volume",
    "volsched.messaging.caster",
    "volsched.messaging.transport",
    "volsched.agent.agent",
    "volsched.scheduler.shared_pools",
    "volsched.scheduler.worker",
)
LOOK_EVERY = 0.5


def run_workers(program: Program, conf: Configuration, workers: int, orders: Orders) -> int:
    """Run so many of them until told to stop (0), or a part of one of them died (1).

    Raises LoadProblems before anything is started; 2 where a plugin could not start. The master neither connects to
    anything nor starts a plugin: what is open when a process forks would be everybody's.
    """
    plugins, problems = examine(conf, Catalog.discover())
    if plugins is None:
        raise LoadProblems(problem for problem in problems if problem.fatal)
    return Master(program, conf, workers).run(orders)


class Master:
    """Starts workers, and starts those anew that end; takes what it is told to all of them."""

    def __init__(self, program: Program, conf: Configuration, workers: int) -> None:
        self._program = program
        self._conf = conf
        self._accepted: Configuration | None = None
        self._workers = workers
        self._owner = this_owner()
        self._timeout = int(conf[program.process].graceful_shutdown_timeout)
        self._started, self._say_started = os.pipe()
        self._ended, self._say_ended = os.pipe()
        self._stopped = 0
        self._again = False
        self._status = 0

    def run(self, orders: Orders) -> int:
        """The exit status of the service. `orders`: what was ordered before it could listen itself."""
        service = oslo_service_on_threads()
        for name in SHARED:
            importlib.import_module(name)
        settings = cfg.ConfigOpts()
        settings([], project=self._program.name, default_config_files=[], default_config_dirs=[], use_env=False)
        self._launcher = service.ProcessLauncher(settings)
        settings.set_override("graceful_shutdown_timeout", self._timeout and self._timeout + LONGER_SECONDS)
        settings.set_override("log_options", False)
        worker = Worker(self._work, lambda: os.write(self._say_ended, b"."))
        self._launcher.launch_service(worker, workers=self._workers)
        # oslo.service has no words for these; what it stands on has.
        self._launcher._manager.register_hooks(
            on_reload=self._reload,
            on_new_worker=self._prepare,
            on_dead_worker=self._look_at,
            on_terminate=self._count,
        )
        if orders.stopping.is_set():
            return 0
        with suppress(SystemExit):  # the only way in which it ends
            self._launcher.wait()
        return self._status or int(not self._all_ended())

    # -- in the master -----------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """A worker that is started from now on takes up what is good now; those that run judge for themselves."""
        try:
            candidate = self._program.read()
            if examine(candidate, Catalog.discover())[0] is not None:
                self._accepted = candidate
        except VolschedError as problem:
            LOG.debug("workers that are started anew get the configuration of before: %s", problem)
        except Exception:  # a plugin's package is broken: each worker says so, and goes on
            LOG.debug("workers that are started anew get the configuration of before", exc_info=True)
        for worker in multiprocessing.active_children():
            with suppress(ProcessLookupError):
                os.kill(worker.pid or 0, signal.SIGHUP)

    def _count(self) -> None:
        """All that run now are told to stop."""
        self._stopped = len(multiprocessing.active_children())
        self._heard()  # of those that ended before

    def _all_ended(self) -> bool:
        """Whether each of them has ended its work: cotyledon does not tell what they ended with."""
        return self._heard() >= self._stopped

    def _heard(self) -> int:
        """How many workers have said since the last time that their work has ended."""
        os.set_blocking(self._ended, False)
        with suppress(BlockingIOError):
            return len(os.read(self._ended, select.PIPE_BUF))
        return 0

    def _look_at(self, service: object, number: int, status: int) -> None:
        """A worker has ended. Where another one would end in the same way, all of them stop."""
        self._again = True
        if status in (PART_DIED, REFUSED):
            self._status = 1 if status == PART_DIED else 2
            self._launcher.stop()
        else:
            LOG.warning("worker %d ended with status %d and is started anew", number + 1, status)

    # -- in a worker -------------------------------------------------------------------------------------------------

    def _prepare(self, service: object, number: int, wrapper: Any) -> None:
        """In the process of a new worker, before it does anything."""
        # A group of its own: the master's signals to its group must not reach what a storage backend runs.
        os.setpgid(0, 0)
        worker: Worker = wrapper.service_instance
        worker.number = number
        wrapper.graceful_shutdown_timeout = self._timeout
        wrapper.reload = worker.reset  # oslo.service promises to call it, and would start the worker anew instead

    def _work(self, number: int, orders: Orders) -> int:
        """What a worker does; its exit status."""
        place = Place(number=number, workers=self._workers, master=self._owner)
        if not (place.first or self._first_has_started(orders)):
            return 0
        program = self._program
        if self._accepted is not None:
            # As its siblings did: begun with what they were begun with, it takes up what they took up.
            orders.reload()
            program = Program(name=program.name, loops=program.loops, read=_first(self._accepted, program.read))
        try:
            status = run(program, self._conf, orders, place, lambda: os.write(self._say_started, b"."))
        except VolschedError as problem:
            sys.stderr.write(f"{place.name_of(program.name)}: {problem}\n")
            return os.EX_TEMPFAIL if self._again else REFUSED
        return PART_DIED if status else 0

    def _first_has_started(self, orders: Orders) -> bool:
        """The others wait for the first: where something is wrong, it is said once. False: they are to stop."""
        while not orders.stopping.is_set():
            if select.select([self._started], [], [], LOOK_EVERY)[0]:  # never read: it stays so
                return True
        return False


class Worker(ServiceBase):  # type: ignore[misc]  # oslo.service's types are not followed
    """One worker, as oslo.service wants it: its process calls `start`, `wait`, and from other threads the rest."""

    def __init__(self, work: Callable[[int, Orders], int], say_ended: Callable[[], object]) -> None:
        self.number = 0
        self._work = work
        self._say_ended = say_ended
        self._orders = Orders()
        self._status = 0
        self._ended = threading.Event()

    def start(self) -> None:
        """Nothing can be said to have started yet."""

    def wait(self) -> None:
        """Work until the end. Raises SystemExit where that was not asked for."""
        try:
            self._status = self._work(self.number, self._orders)
        finally:
            self._ended.set()
        if self._status:
            sys.exit(self._status)

    def stop(self) -> None:
        """Returns when the work in hand has ended."""
        self._orders.stop()
        self._ended.wait()
        if self._status:
            sys.exit(self._status)
        self._say_ended()

    def reset(self) -> None:
        """Take up another configuration."""
        self._orders.reload()


def _first(conf: Configuration, then: Callable[[], Configuration]) -> Callable[[], Configuration]:
    """Reads this configuration first, and after that what there is."""
    waiting = [conf]
    return lambda: waiting.pop() if waiting else then()
