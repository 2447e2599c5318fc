"""The programs that run for long: volsched-scheduler and volsched-agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from volsched.cli.noise import hush
from volsched.exceptions import DatabaseUnavailable, VolschedError

if TYPE_CHECKING:
    from volsched.bootstrap import Application

LOG = logging.getLogger(__name__)

Loop = Callable[[threading.Event], None]


def scheduler_main(argv: Sequence[str] | None = None) -> int:
    """Serve the scheduler's queue until told to stop."""
    return _run(
        "volsched-scheduler", "Places volumes: takes requests from the database, one at a time.", argv, _scheduler
    )


def agent_main(argv: Sequence[str] | None = None) -> int:
    """Serve the configured storage backends until told to stop."""
    return _run("volsched-agent", "Drives storage backends: reports what they have, makes volumes.", argv, _agent)


def _scheduler(application: Application) -> list[Loop]:
    application.start()
    pause = application.conf.scheduler.poll_interval

    def work(stop: threading.Event) -> None:
        while not stop.is_set():
            if not _guarded(application.scheduler.work_once):
                stop.wait(pause)

    def look(stop: threading.Event) -> None:
        while not stop.wait(pause):
            _guarded(application.recover)
            _guarded(application.pools.renew)

    application.scheduler  # noqa: B018 - made here, so that what is wrong is said before anything runs
    return [work, look, application.delivery.run]


def _agent(application: Application) -> list[Loop]:
    application.start()
    application.agent  # noqa: B018 - made here, so that what is wrong is said before anything runs
    pause = application.conf.scheduler.poll_interval

    def report(stop: threading.Event) -> None:
        while not stop.is_set():
            _guarded(application.report)
            stop.wait(application.conf.agent.report_interval)

    def work(stop: threading.Event) -> None:
        while not stop.is_set():
            if not _guarded(application.agent.work_once):
                stop.wait(pause)

    return [report, work, application.delivery.run]


def _guarded(step: Callable[[], object]) -> object:
    """One step of a loop that must outlive a database that is away for a while."""
    try:
        return step()
    except DatabaseUnavailable as problem:
        LOG.error("%s; trying again", problem)
        return None


def _run(
    program: str, description: str, argv: Sequence[str] | None, prepare: Callable[[Application], list[Loop]]
) -> int:
    """Exit status 0 after a stop that was asked for, 1 when a loop died, 2 where the configuration is wrong."""
    hush()
    from volsched import conf
    from volsched.bootstrap import application

    options = _parser(program, description).parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.INFO,
        format=f"%(asctime)s %(levelname)s {program}[%(process)d] %(name)s: %(message)s",
    )
    stop, died = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def watched(loop: Loop) -> None:
        try:
            loop(stop)
        except Exception:
            LOG.exception("a part of %s died; stopping", program)
            died.set()
            stop.set()

    try:
        with application(conf.load(options.config_file, options.config_dir)) as running:
            threads = [threading.Thread(target=watched, args=(loop,)) for loop in prepare(running)]
            for thread in threads:
                thread.start()
            sys.stderr.write(f"{program}: ready\n")
            for thread in threads:
                thread.join()
    except VolschedError as problem:
        sys.stderr.write(f"{program}: {problem}\n")
        return 2
    return 1 if died.is_set() else 0


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="may be given repeatedly")
    parser.add_argument("--config-dir", action="append", default=[], metavar="FOLDER", help="reads FOLDER/*.conf")
    parser.add_argument("--debug", action="store_true", help="log every step")
    return parser
