"""The programs that run for long: volsched-scheduler and volsched-agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from volsched.cli.noise import hush
from volsched.exceptions import VolschedError

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.running.exchange import Current
    from volsched.running.loops import Loop, Loops


def scheduler_main(argv: Sequence[str] | None = None) -> int:
    """Serve the scheduler's queue until told to stop."""
    return _run(
        "volsched-scheduler", "Places volumes: takes requests from the database, one at a time.", argv, _scheduler
    )


def agent_main(argv: Sequence[str] | None = None) -> int:
    """Serve the configured storage backends until told to stop."""
    return _run("volsched-agent", "Drives storage backends: reports what they have, makes volumes.", argv, _agent)


def _scheduler(current: Current) -> list[Loop]:
    from volsched.running.loops import scheduler_loops

    return scheduler_loops(current)


def _agent(current: Current) -> list[Loop]:
    from volsched.running.loops import agent_loops

    return agent_loops(current)


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
        reload.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: reload.set())
    from volsched import conf
    from volsched.bootstrap import Application
    from volsched.running.exchange import Current
    from volsched.running.serving import serve

    def read() -> Configuration:
        return conf.load(options.config_file, options.config_dir)

    try:
        current = Current(Application(read(), program.removeprefix("volsched-")))
        try:
            return serve(program, current, prepare, read, stop, reload)
        finally:
            current.application.close()
    except VolschedError as problem:
        sys.stderr.write(f"{program}: {problem}\n")
        return 2


def _parser(program: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--config-file", action="append", default=[], metavar="FILE", help="may be given repeatedly")
    parser.add_argument("--config-dir", action="append", default=[], metavar="FOLDER", help="reads FOLDER/*.conf")
    parser.add_argument("--debug", action="store_true", help="log every step")
    return parser
