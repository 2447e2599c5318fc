"""The service programs: volsched-scheduler and volsched-agent."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from volsched.distributions import tolerate_unreadable
from volsched.exceptions import VolschedError
from volsched.library_warnings import ignore_library_warnings

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.service.generation import CurrentApplication
    from volsched.service.loops import Loop, Loops
    from volsched.service.process import Control, Program


def scheduler_main(argv: Sequence[str] | None = None) -> int:
    """Run the scheduler until a signal stops it."""
    return _run(
        "volsched-scheduler", "Place volumes: take requests from the database, one at a time.", argv, _scheduler
    )


def agent_main(argv: Sequence[str] | None = None) -> int:
    """Run the agent of the configured storage backends until a signal stops it."""
    return _run("volsched-agent", "Run storage backends: report their capacity and carry out requests.", argv, _agent)


def _scheduler(current: CurrentApplication, first: bool) -> list[Loop]:
    from volsched.service.loops import scheduler_loops

    return scheduler_loops(current, first)


def _agent(current: CurrentApplication, first: bool) -> list[Loop]:
    from volsched.service.loops import agent_loops

    return agent_loops(current, first)


def _run(name: str, description: str, argv: Sequence[str] | None, loops: Loops) -> int:
    """Return the exit status: 0 after a requested stop, 2 if the configuration is wrong.

    1: a loop died, or the work in progress did not end in time.
    """
    ignore_library_warnings()
    tolerate_unreadable()
    os.umask(os.umask(0o077) | 0o027)  # data and logs are never for others, whatever the umask was
    options = _parser(name, description).parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.debug else logging.INFO,
        format=f"%(asctime)s %(levelname)s {name}[%(process)d] %(name)s: %(message)s",
    )
    from volsched import conf
    from volsched.service.process import Control, Program

    control = Control()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, control.stop)
    signal.signal(signal.SIGHUP, control.reload)
    program = Program(name=name, loops=loops, read=lambda: conf.load(options.config_file, options.config_dir))
    try:
        return _started(program, program.read(), control)
    except VolschedError as problem:
        sys.stderr.write(f"{name}: {problem}\n")
        return 2


def _started(program: Program, conf: Configuration, control: Control) -> int:
    from volsched.conf.configuration import BadValue
    from volsched.service.process import WorkerIdentity, run

    try:
        workers, timeout = conf[program.process].workers, conf[program.process].graceful_shutdown_timeout
    except BadValue:
        workers, timeout = 1, 0  # `run` reports the bad value together with all other problems
    if workers > 1:
        from volsched.service.workers import run_workers

        return run_workers(program, conf, workers, control)

    def end(*_: object) -> None:
        control.stop()
        signal.alarm(timeout)

    signal.signal(signal.SIGALRM, partial(_abort, program.name, timeout))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return run(program, conf, control, WorkerIdentity())


def _abort(name: str, timeout: int, *_: object) -> None:
    sys.stderr.write(f"{name}: the work in progress did not end in {timeout} s; it is aborted\n")
    os._exit(1)


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="read this file; repeatable")
    parser.add_argument(
        "--config-dir",
        action="append",
        default=[],
        metavar="FOLDER",
        help="read this folder's .conf files; repeatable",
    )
    parser.add_argument("--debug", action="store_true", help="log at level DEBUG")
    return parser
