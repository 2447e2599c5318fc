"""One process of a service from start to stop: its loops, and reloads of its configuration."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from volsched.conf import Configuration
from volsched.service import pidfile
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication, DeliveryLoop
from volsched.service.loops import Loop, Loops
from volsched.service.monitoring import Monitor
from volsched.service.reload import Reloader

LOG = logging.getLogger(__name__)

#: Interval, in seconds, at which a waiting main thread runs Python code: only then it handles a signal that the system
#: delivered to another thread.
NAP_SECONDS = 0.5

Ready = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A service as its operator started it."""

    name: str  # volsched-scheduler
    loops: Loops
    read: Callable[[], Configuration]  # raises ConfigurationError

    @property
    def process(self) -> str:
        """The name of its section in the configuration, and of the process for notifiers: scheduler or agent."""
        return self.name.removeprefix("volsched-")


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """Which of the worker processes of its service a process is."""

    number: int = 0
    workers: int = 1
    master: str | None = None  # host:pid:start time of the master; None where there is none

    @property
    def first(self) -> bool:
        """Whether it does what is needed once a machine: reports, audits, and the delivery of events."""
        return self.number == 0

    def name_of(self, program: str) -> str:
        """Return the name of this process for people."""
        return program if self.workers == 1 else f"{program} worker {self.number + 1}"


class Control:
    """Requests from outside the process: to stop, and to reload."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reloading = threading.Event()

    def stop(self, *_: object) -> None:
        """Request a stop after the work in progress."""
        self.stopping.set()
        self.reloading.set()  # wakes whoever waits for it, and finds `stopping` set

    def reload(self, *_: object) -> None:
        """Request a reload of the configuration."""
        self.reloading.set()


def run(
    program: Program, conf: Configuration, control: Control, identity: WorkerIdentity, ready: Ready = lambda: None
) -> int:
    """Run one process of a service until it is stopped (0), or one of its loops failed (1).

    Calls `ready` when it has started. Raises VolschedError where it cannot start.
    """
    # Only the first worker starts notifiers: several would use the same ports and files.
    process = program.process if identity.first else identity.name_of(program.process)
    current = CurrentApplication(Application(conf, process))
    try:
        return _serve(program, current, control, identity, ready)
    finally:
        current.application.close()


def _serve(
    program: Program, current: CurrentApplication, control: Control, identity: WorkerIdentity, ready: Ready
) -> int:
    failed = threading.Event()
    delivery = DeliveryLoop(current)

    def watched(loop: Loop) -> None:
        try:
            loop(control.stopping)
        except Exception:
            LOG.exception("%s: a loop failed; stopping", identity.name_of(program.name))
            failed.set()
            control.stop()

    loops = program.loops(current, identity.first)
    if identity.first:
        loops.append(delivery.run)
    monitor = Monitor(program.name, current, control.stopping, worker=identity.number)
    reloading = _Reloading(program, current, delivery, identity, monitor.address)
    if control.reloading.is_set() and not control.stopping.is_set():
        # The other workers have reloaded already: do so before any loop runs.
        reloading.reload(control)
    threads = [threading.Thread(target=watched, args=(loop,)) for loop in (*loops, reloading.loop(control))]
    for thread in threads:
        thread.start()
    monitor.start()
    sys.stderr.write(f"{identity.name_of(program.name)}: ready\n")
    ready()
    for thread in threads:
        while thread.is_alive():
            thread.join(NAP_SECONDS)
    monitor.stop()
    return 1 if failed.is_set() else 0


class _Reloading:
    """Reloads the configuration on request, and keeps the pidfile of the process up to date."""

    def __init__(
        self,
        program: Program,
        current: CurrentApplication,
        delivery: DeliveryLoop,
        identity: WorkerIdentity,
        monitoring: str | None,
    ) -> None:
        """`monitoring`: the address of its health pages."""
        application = current.application
        self._pidfiles = pidfile.PidFiles(application.conf.paths.state_path)
        made = pidfile.made(program.name, application.conf.settings.files, application.generation)
        self._pidfile = replace(made, master=identity.master, monitoring=monitoring)
        self._reloader = Reloader(current, delivery, program.read)
        self._write()

    def loop(self, control: Control) -> Loop:
        """Return the loop that reloads on each request."""

        def run(stop: threading.Event) -> None:
            try:
                while not stop.is_set():
                    if control.reloading.wait(NAP_SECONDS) and not stop.is_set():
                        self.reload(control)
            finally:
                self._pidfiles.remove(self._pidfile)

        return run

    def reload(self, control: Control) -> None:
        """Reload once, and write the result into the pidfile."""
        control.reloading.clear()  # before reading: a request from now on is another one
        done = self._reloader.reload()
        self._pidfile = replace(
            self._pidfile,
            generation=done.generation,
            reloads=self._pidfile.reloads + 1,
            problem=done.problem,
            until_restart=done.until_restart,
        )
        self._write()

    def _write(self) -> None:
        try:
            self._pidfiles.write(self._pidfile)
        except OSError as problem:
            LOG.warning(
                "pidfile: cannot write: %s; volsched config reload does not find this service, SIGHUP reloads it",
                problem,
            )
