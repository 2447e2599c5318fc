"""Processes of volsched in any number: each forked from one that has everything imported, and mortal at a moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.functional import moments

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.functional.preloaded"])


def start(
    program: str,
    file: Path,
    *arguments: str,
    log: Path,
    dies_at: moments.Moment | None = None,
    sign: signal.Signals = signal.SIGKILL,
) -> BaseProcess:
    """Start `scheduler`, `agent` or `command`; what it says goes to the end of a file. It dies with this process."""
    process = _CONTEXT.Process(target=_run, args=(program, str(file), arguments, str(log), dies_at, sign), daemon=True)
    process.start()
    return process


def _run(
    program: str, file: str, arguments: Sequence[str], log: str, dies_at: moments.Moment | None, sign: signal.Signals
) -> None:
    warnings.simplefilter("default")
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(said, number)
    for name in [name for name in os.environ if name.startswith(("OS_", "XDG_"))]:
        del os.environ[name]
    from volsched.cli.main import main
    from volsched.cli.services import agent_main, scheduler_main

    if dies_at is not None:
        moments.arm(dies_at, sign)
    mains = {"scheduler": scheduler_main, "agent": agent_main, "command": main}
    status = mains[program](["--config-file", file, *arguments])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
