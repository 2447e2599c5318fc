"""A service from its start to its stop: all of its loops, and another configuration when it is asked for."""

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

#: Who waits for a signal looks again after so long. Python handles signals in its main thread, which is not woken by
#: one that the system gives to another thread.
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
        """What its section of the configuration is called, and what it is for notifiers."""
        return self.name.removeprefix("volsched-")


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """Which of the processes of its service this one is."""

    number: int = 0
    workers: int = 1
    master: str | None = None  # the owner of leases that the master would be; None where there is none

    @property
    def first(self) -> bool:
        """Whether it does what must be done once: reports, audits, and the delivery of events."""
        return self.number == 0

    def name_of(self, program: str) -> str:
        """How people tell it from the others."""
        return program if self.workers == 1 else f"{program} worker {self.number + 1}"


class Control:
    """What a service is told from outside: to stop, or to take up another configuration."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reloading = threading.Event()

    def stop(self, *_: object) -> None:
        """End when the work in hand has ended."""
        self.stopping.set()
        self.reloading.set()  # who waits for this looks at the other then

    def reload(self, *_: object) -> None:
        """Read the configuration again."""
        self.reloading.set()


def run(
    program: Program, conf: Configuration, control: Control, place: WorkerIdentity, ready: Ready = lambda: None
) -> int:
    """One process of a service, from its start until its stop was asked for (0), or one of its loops died (1).

    Raises VolschedError where it cannot start. `ready` is called when it has.
    """
    # Notifiers are started in the first: several would take one another's ports and files.
    process = program.process if place.first else place.name_of(program.process)
    current = CurrentApplication(Application(conf, process))
    try:
        return _serve(program, current, control, place, ready)
    finally:
        current.application.close()


def _serve(program: Program, current: CurrentApplication, control: Control, place: WorkerIdentity, ready: Ready) -> int:
    died = threading.Event()
    delivery = DeliveryLoop(current)

    def watched(loop: Loop) -> None:
        try:
            loop(control.stopping)
        except Exception:
            LOG.exception("a part of %s died; stopping", place.name_of(program.name))
            died.set()
            control.stop()

    loops = program.loops(current, place.first)
    if place.first:
        loops.append(delivery.run)
    monitor = Monitor(program.name, current, control.stopping, worker=place.number)
    reloading = _Reloading(program, current, delivery, place, monitor.address)
    if control.reloading.is_set() and not control.stopping.is_set():
        # Before anything runs: this worker follows others that have done so.
        reloading.take_up(control)
    threads = [threading.Thread(target=watched, args=(loop,)) for loop in (*loops, reloading.loop(control))]
    for thread in threads:
        thread.start()
    monitor.start()
    sys.stderr.write(f"{place.name_of(program.name)}: ready\n")
    ready()
    for thread in threads:
        while thread.is_alive():
            thread.join(NAP_SECONDS)
    monitor.stop()
    return 1 if died.is_set() else 0


class _Reloading:
    """Takes up another configuration when it is asked to, and says on this machine that the service runs, and how."""

    def __init__(
        self,
        program: Program,
        current: CurrentApplication,
        delivery: DeliveryLoop,
        place: WorkerIdentity,
        monitoring: str | None,
    ) -> None:
        """`monitoring`: where its health can be asked for."""
        application = current.application
        self._records = pidfile.PidFiles(application.conf.paths.state_path)
        made = pidfile.made(program.name, application.conf.settings.files, application.generation)
        self._record = replace(made, master=place.master, monitoring=monitoring)
        self._reloader = Reloader(current, delivery, program.read)
        self._tell()

    def loop(self, control: Control) -> Loop:
        """Reloads each time that it is ordered."""

        def run(stop: threading.Event) -> None:
            try:
                while not stop.is_set():
                    if control.reloading.wait(NAP_SECONDS) and not stop.is_set():
                        self.take_up(control)
            finally:
                self._records.remove(self._record)

        return run

    def take_up(self, control: Control) -> None:
        """Another configuration, if it is good."""
        control.reloading.clear()  # before it is read: who asks meanwhile asks for another time
        done = self._reloader.reload()
        self._record = replace(
            self._record,
            generation=done.generation,
            reloads=self._record.reloads + 1,
            problem=done.problem,
            until_restart=done.until_restart,
        )
        self._tell()

    def _tell(self) -> None:
        try:
            self._records.write(self._record)
        except OSError as problem:
            LOG.warning(
                "volsched config reload will not find this service (SIGHUP reloads it all the same): %s", problem
            )
