"""Several processes of one service: a master that supervises workers, by cotyledon."""

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
from functools import partial

import cotyledon
from cotyledon.types import WorkerId

from volsched.conf import Configuration
from volsched.db.leases import this_owner
from volsched.exceptions import VolschedError
from volsched.loader import Catalog, LoadProblems, examine
from volsched.plugins.bus import oslo_messaging_on_threads
from volsched.service.process import Control, Program, WorkerIdentity, run

LOG = logging.getLogger(__name__)

#: Exit statuses of workers that the master does not replace. After any other status, it starts a new worker.
LOOP_FAILED, REFUSED = os.EX_SOFTWARE, os.EX_CONFIG
#: The master waits this much longer than its workers do: they end by themselves at their own timeout.
EXTRA_SECONDS = 5
#: Imported by the master before it forks, so that workers share the memory and start at once.
PRELOADED = (
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
CHECK_SECONDS = 0.5


def run_workers(program: Program, conf: Configuration, workers: int, control: Control) -> int:
    """Run worker processes until they are stopped (0), or a loop of one of them failed (1).

    Raises LoadProblems before any process is started; returns 2 where a plugin did not start. The master neither
    connects to anything nor starts a plugin: all workers would share what is open when the process forks.
    """
    plugins, problems = examine(conf, Catalog.discover())
    if plugins is None:
        raise LoadProblems(problem for problem in problems if problem.fatal)
    return Master(program, conf, workers).run(control)


class Master:
    """Starts workers, replaces those that end, and forwards signals to all of them."""

    def __init__(self, program: Program, conf: Configuration, workers: int) -> None:
        self._program = program
        self._conf = conf
        self._accepted: Configuration | None = None
        self._workers = workers
        self._owner = this_owner()
        self._timeout = int(conf[program.process].graceful_shutdown_timeout)
        self._first_started, self._report_started = os.pipe()
        self._ended, self._report_ended = os.pipe()
        self._stopped = 0
        self._replacing = False
        self._status = 0

    def run(self, control: Control) -> int:
        """Return the exit status of the service. `control`: what was requested before the master handled signals."""
        oslo_messaging_on_threads()  # before any of them imports it with its default, eventlet
        for name in PRELOADED:
            importlib.import_module(name)
        self._manager = cotyledon.ServiceManager(
            mp_context=multiprocessing.get_context("fork"),
            graceful_shutdown_timeout=self._timeout and self._timeout + EXTRA_SECONDS,
        )

        class TimedWorker(Worker):
            graceful_shutdown_timeout = self._timeout

        self._manager.add(TimedWorker, self._workers, args=(self._work, partial(os.write, self._report_ended, b".")))
        self._manager.register_hooks(
            on_reload=self._reload, on_dead_worker=self._worker_ended, on_terminate=self._count_workers
        )
        if control.stopping.is_set():
            return 0
        with suppress(SystemExit):  # the manager's only way to return
            self._manager.run()
        return self._status or int(not self._all_ended())

    # -- in the master -----------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Let workers reload, and keep the configuration, if it is good, for workers that start from now on."""
        try:
            candidate = self._program.read()
            if examine(candidate, Catalog.discover())[0] is not None:
                self._accepted = candidate
        except VolschedError as problem:
            LOG.debug("new workers keep the previous configuration: %s", problem)
        except Exception:  # a plugin's package fails to import: each worker logs it
            LOG.debug("new workers keep the previous configuration", exc_info=True)
        for worker in multiprocessing.active_children():
            with suppress(ProcessLookupError):
                os.kill(worker.pid or 0, signal.SIGHUP)

    def _count_workers(self) -> None:
        """Count the workers that are about to be stopped."""
        self._stopped = len(multiprocessing.active_children())
        self._read_ended()  # reports of workers that ended earlier

    def _all_ended(self) -> bool:
        """Whether each worker has ended its work: cotyledon discards their exit statuses at the end."""
        return self._read_ended() >= self._stopped

    def _read_ended(self) -> int:
        """Return how many workers have reported the end of their work since the last call."""
        os.set_blocking(self._ended, False)
        with suppress(BlockingIOError):
            return len(os.read(self._ended, select.PIPE_BUF))
        return 0

    def _worker_ended(self, service: object, number: int, status: int) -> None:
        """Stop all workers where a new one would end in the same way."""
        self._replacing = True
        if status in (LOOP_FAILED, REFUSED):
            self._status = 1 if status == LOOP_FAILED else 2
            self._manager.shutdown()
        else:
            LOG.warning("worker %d ended with status %d; a new one is started", number + 1, status)

    # -- in a worker -------------------------------------------------------------------------------------------------

    def _work(self, number: int, control: Control) -> int:
        """Run one worker; return its exit status."""
        identity = WorkerIdentity(number=number, workers=self._workers, master=self._owner)
        if not (identity.first or self._wait_for_first(control)):
            return 0
        program = self._program
        if self._accepted is not None:
            # Start as the other workers did, then reload as they did.
            control.reload()
            program = Program(name=program.name, loops=program.loops, read=_first(self._accepted, program.read))
        try:
            status = run(program, self._conf, control, identity, lambda: os.write(self._report_started, b"."))
        except VolschedError as problem:
            sys.stderr.write(f"{identity.name_of(program.name)}: {problem}\n")
            return os.EX_TEMPFAIL if self._replacing else REFUSED
        return LOOP_FAILED if status else 0

    def _wait_for_first(self, control: Control) -> bool:
        """Wait until the first worker has started, so that an error is logged once. False: stop instead."""
        while not control.stopping.is_set():
            if select.select([self._first_started], [], [], CHECK_SECONDS)[0]:  # never read: it stays readable
                return True
        return False


class Worker(cotyledon.Service):
    """One worker process. cotyledon calls `run`, and from other threads `terminate` and `reload`."""

    def __init__(
        self,
        worker_id: WorkerId,
        work: Callable[[int, Control], int],
        report_ended: Callable[[], object],
    ) -> None:
        super().__init__(worker_id)
        # A process group of its own: signals to the master's group must not reach programs that a backend runs.
        os.setpgid(0, 0)
        self._number = worker_id
        self._work = work
        self._report_ended = report_ended
        self._control = Control()
        self._status = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Work until the end. Raises SystemExit where a stop was not requested."""
        try:
            self._status = self._work(self._number, self._control)
        finally:
            self._ended.set()
        if self._status:
            sys.exit(self._status)

    def terminate(self) -> None:
        """Stop, and return when the work in progress has ended."""
        self._control.stop()
        self._ended.wait()
        if self._status:
            sys.exit(self._status)
        self._report_ended()

    def reload(self) -> None:
        """Read the configuration again."""
        self._control.reload()


def _first(conf: Configuration, then: Callable[[], Configuration]) -> Callable[[], Configuration]:
    """Return a function that returns `conf` once, and from then on what `then` returns."""
    waiting = [conf]
    return lambda: waiting.pop() if waiting else then()
