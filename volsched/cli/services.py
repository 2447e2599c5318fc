"""The programs that run for long: volsched-scheduler and volsched-agent."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from volsched.exceptions import VolschedError
from volsched.library_warnings import hush

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.service.generation import CurrentApplication
    from volsched.service.loops import Loop, Loops
    from volsched.service.process import Control, Program


def scheduler_main(argv: Sequence[str] | None = None) -> int:
    """Serve the scheduler's queue until told to stop."""
    return _run(
        "volsched-scheduler", "Places volumes: takes requests from the database, one at a time.", argv, _scheduler
    )


def agent_main(argv: Sequence[str] | None = None) -> int:
    """Serve the configured storage backends until told to stop."""
    return _run("volsched-agent", "Drives storage backends: reports what they have, makes volumes.", argv, _agent)


def _scheduler(current: CurrentApplication, first: bool) -> list[Loop]:
    from volsched.service.loops import scheduler_loops

    return scheduler_loops(current, first)


def _agent(current: CurrentApplication, first: bool) -> list[Loop]:
    from volsched.service.loops import agent_loops

    return agent_loops(current, first)


def _run(name: str, description: str, argv: Sequence[str] | None, loops: Loops) -> int:
    """Exit status 0 after a stop that was asked for, 2 where the configuration is wrong.

    1 where a loop died, or the work in hand did not end in time.
    """
    hush()
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
        workers, timeout = 1, 0  # it will be said, with all else that is wrong
    if workers > 1:
        from volsched.service.workers import run_workers

        return run_workers(program, conf, workers, control)

    def end(*_: object) -> None:
        control.stop()
        signal.alarm(timeout)

    signal.signal(signal.SIGALRM, partial(_cut_off, program.name, timeout))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return run(program, conf, control, WorkerIdentity())


def _cut_off(name: str, timeout: int, *_: object) -> None:
    sys.stderr.write(f"{name}: the work in hand did not end in {timeout} s; it is cut off\n")
    os._exit(1)


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="may be given repeatedly")
    parser.add_argument("--config-dir", action="append", default=[], metavar="FOLDER", help="reads FOLDER/*.conf")
    parser.add_argument("--debug", action="store_true", help="log every step")
    return parser
