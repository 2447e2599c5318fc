"""The programs that run for long: volsched-scheduler and volsched-agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from volsched.cli.noise import hush
from volsched.exceptions import DatabaseUnavailable, VolschedError

if TYPE_CHECKING:
    from volsched.bootstrap import Application
    from volsched.conf import Configuration
    from volsched.running.exchange import Current

LOG = logging.getLogger(__name__)

#: So long at most until a loop that waits for work sees that it is to stop.
LONGEST_NAP = 0.5
#: So long until a loop that is switched off looks whether it still is.
IDLE = 60.0

Loop = Callable[[threading.Event], None]
Loops = Callable[["Current"], list[Loop]]


def scheduler_main(argv: Sequence[str] | None = None) -> int:
    """Serve the scheduler's queue until told to stop."""
    return _run(
        "volsched-scheduler", "Places volumes: takes requests from the database, one at a time.", argv, _scheduler
    )


def agent_main(argv: Sequence[str] | None = None) -> int:
    """Serve the configured storage backends until told to stop."""
    return _run("volsched-agent", "Drives storage backends: reports what they have, makes volumes.", argv, _agent)


def _scheduler(current: Current) -> list[Loop]:
    from volsched.service.audit import Audit

    current.application.start()
    listeners = current.application.scheduler_servers()
    current.application.scheduler  # noqa: B018 - made here, so that what is wrong is said before anything runs

    def look(application: Application) -> None:
        _guarded(application.recover)
        _guarded(application.pools.renew)

    def audit(application: Application) -> None:
        if not application.conf.scheduler.audit_interval:
            return
        try:
            _guarded(Audit(application.database).log)
        except Exception:  # placing goes on whatever the audit stumbles over
            LOG.exception("the audit failed; it is made again later")

    def until_audit(application: Application) -> float:
        return float(application.conf.scheduler.audit_interval) or IDLE

    return [
        lambda stop: _work(current, stop, lambda application: application.scheduler.work_once),
        lambda stop: _each(current, stop, audit, until_audit),
        lambda stop: _each(current, stop, look, lambda application: application.conf.scheduler.poll_interval),
        *(partial(_listen, server) for server in listeners),
    ]


def _agent(current: Current) -> list[Loop]:
    current.application.start()
    listeners = current.application.agent_servers()
    current.application.agent  # noqa: B018 - made here, so that what is wrong is said before anything runs

    def report(application: Application) -> None:
        _guarded(application.report)

    return [
        lambda stop: _each(current, stop, report, lambda application: application.conf.agent.report_interval),
        lambda stop: _work(current, stop, lambda application: application.agent.work_once),
        *(partial(_listen, server) for server in listeners),
    ]


def _work(current: Current, stop: threading.Event, step: Callable[[Application], Callable[[], bool]]) -> None:
    """One piece of work after the other, each with the configuration that it was begun under."""
    while not stop.is_set():
        with current.used() as application:
            woken = application.woken
            woken.clear()  # before looking: a wake-up that comes meanwhile counts for the next time
            left = application.conf.scheduler.poll_interval
            worked = _guarded(step(application))
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

    threading.Thread(target=start, name="bus", daemon=True).start()
    stop.wait()
    if started.is_set():
        server.stop()
        server.wait()


def _each(
    current: Current,
    stop: threading.Event,
    step: Callable[[Application], None],
    interval: Callable[[Application], float],
) -> None:
    """A step, again and again."""
    while not stop.is_set():
        with current.used() as application:
            step(application)
            pause = interval(application)
        stop.wait(pause)


def _guarded(step: Callable[[], object]) -> object:
    """One step of a loop that must outlive a database that is away for a while."""
    try:
        return step()
    except DatabaseUnavailable as problem:
        LOG.error("%s; trying again", problem)
        return None


def _run(program: str, description: str, argv: Sequence[str] | None, prepare: Loops) -> int:
    """Exit status 0 after a stop that was asked for, 1 when a loop died, 2 where the configuration is wrong."""
    hush()
    options = _parser(program, description).parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.INFO,
        format=f"%(asctime)s %(levelname)s {program}[%(process)d] %(name)s: %(message)s",
    )
    stop, reload = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        stop.set()
        reload.set()  # who waits for this looks at the other then

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    from volsched import conf
    from volsched.bootstrap import Application
    from volsched.running.exchange import Current

    def read() -> Configuration:
        return conf.load(options.config_file, options.config_dir)

    try:
        current = Current(Application(read(), program.removeprefix("volsched-")))
        try:
            return _serve(program, current, prepare, read, stop, reload)
        finally:
            current.application.close()
    except VolschedError as problem:
        sys.stderr.write(f"{program}: {problem}\n")
        return 2


def _serve(
    program: str,
    current: Current,
    prepare: Loops,
    read: Callable[[], Configuration],
    stop: threading.Event,
    reload: threading.Event,
) -> int:
    """Run every loop until the service is to stop, or one of them dies."""
    from volsched.running.exchange import DeliveryLoop

    died = threading.Event()
    delivery = DeliveryLoop(current)

    def watched(loop: Loop) -> None:
        try:
            loop(stop)
        except Exception:
            LOG.exception("a part of %s died; stopping", program)
            died.set()
            stop.set()
            reload.set()

    loops = [*prepare(current), delivery.run]
    reloading = _Reloading(program, current, delivery, read)
    threads = [threading.Thread(target=watched, args=(loop,)) for loop in (*loops, reloading.loop(reload))]
    for thread in threads:
        thread.start()
    sys.stderr.write(f"{program}: ready\n")
    for thread in threads:
        thread.join()
    return 1 if died.is_set() else 0


class _Reloading:
    """Takes up another configuration when it is asked to, and says on this machine that the service runs, and how."""

    def __init__(self, program: str, current: Current, delivery: Any, read: Callable[[], Configuration]) -> None:
        from volsched.running import record
        from volsched.running.reload import Reloader

        application = current.application
        self._records = record.Records(application.conf.paths.state_path)
        self._record = record.made(program, application.conf.settings.files, application.generation)
        self._reloader = Reloader(current, delivery, read)
        self._tell()

    def loop(self, asked: threading.Event) -> Loop:
        """Reloads each time that `asked` is set."""

        def run(stop: threading.Event) -> None:
            try:
                while asked.wait() and not stop.is_set():
                    asked.clear()  # before it is read: who asks meanwhile asks for another time
                    done = self._reloader.reload()
                    self._record = replace(
                        self._record,
                        generation=done.generation,
                        reloads=self._record.reloads + 1,
                        problem=done.problem,
                        until_restart=done.until_restart,
                    )
                    self._tell()
            finally:
                self._records.remove(self._record)

        return run

    def _tell(self) -> None:
        try:
            self._records.write(self._record)
        except OSError as problem:
            LOG.warning(
                "volsched config reload will not find this service (SIGHUP reloads it all the same): %s", problem
            )


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="may be given repeatedly")
    parser.add_argument("--config-dir", action="append", default=[], metavar="FOLDER", help="reads FOLDER/*.conf")
    parser.add_argument("--debug", action="store_true", help="log every step")
    return parser
