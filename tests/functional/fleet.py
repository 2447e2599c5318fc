"""volsched processes, forked from one process with all imports; each can be killed at a given moment."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from tests.functional import moments
from tests.functional.program import PATIENCE_SECONDS
from volsched.db.database import Database

UNIT = 4096
CONFIGURATION = """\
[paths]
state_path = {folder}

[database]
connection = {url}

[scheduler]
poll_interval = 0.2
lease_seconds = 2

[agent]
host = {host}
backends = disk
report_interval = 0.5

[backend_disk]
driver = directory
path = {folder}/disks/{host}
pools = {names}
thick_pools = {thick}
pool_size_gb = {pools}
max_over_subscription_ratio = {ratio}
unit_bytes = {unit}
"""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.functional.preloaded"])


def start(
    program: str,
    file: Path,
    *arguments: str,
    log: Path,
    dies_at: moments.Moment | None = None,
    sign: signal.Signals = signal.SIGKILL,
    prepared: Callable[[], object] | None = None,
) -> BaseProcess:
    """Start `scheduler`, `agent`, `command`, `client` or `customer`; its output is appended to a file.

    It ends with this process. `prepared`: a function, which can be pickled, that it calls before anything else.
    """
    given = (program, str(file), arguments, str(log), dies_at, sign, prepared)
    process = _CONTEXT.Process(target=_run, name=program, args=given, daemon=True)
    process.start()
    return process


class Fleet:
    """Processes over one database, in a folder of their own, which are killed at the end of the block."""

    def __init__(self, folder: Path, url: str, more: str = "") -> None:
        """`more`: further lines of every host's configuration."""
        self.folder = folder
        self.url = url
        self.more = more
        self.watchful = True
        self.processes: list[BaseProcess] = []

    def __enter__(self) -> Self:
        with contextlib.closing(Database(self.url)) as database:
            database.upgrade()
        self.database = Database(self.url, patience_seconds=PATIENCE_SECONDS)
        return self

    def __exit__(self, *problem: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()
            process.close()
        self.database.close()

    @property
    def disks(self) -> Path:
        return self.folder / "disks"

    def host(self, name: str, pools: str, *, thick: str = "", ratio: float = 1.0) -> Path:
        """Write the configuration of a host. `pools`: "one:40, two:20"; `thick`: the thick ones."""
        file = self.folder / f"{name}.conf"
        names = ", ".join(pool.partition(":")[0].strip() for pool in pools.split(","))
        values = {"folder": self.folder, "url": self.url.replace("%", "%%"), "host": name}
        settings = CONFIGURATION.format(**values, pools=pools, names=names, thick=thick, ratio=ratio, unit=UNIT)
        file.write_text(settings + self.more)
        return file

    def start(
        self,
        program: str,
        file: Path,
        *arguments: str,
        dies_at: moments.Moment | None = None,
        sign: signal.Signals = signal.SIGKILL,
        prepared: Callable[[], object] | None = None,
    ) -> BaseProcess:
        log = self.log(program, file)
        process = start(program, file, *arguments, log=log, dies_at=dies_at, sign=sign, prepared=prepared)
        self.processes.append(process)
        return process

    def log(self, program: str, file: Path) -> Path:
        return self.folder / f"{file.stem}-{program}.log"

    def until(self, true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for a condition. Raises AssertionError, with the logs, where it does not become true in time.

        Raises at once where a service has ended by itself.
        """
        end, nap = time.monotonic() + seconds, threading.Event()
        while not true():
            if time.monotonic() > end or (self.watchful and any(map(_failed, self.processes))):
                output = (f"{log.name}: {log.read_text()[-2000:]}" for log in self.folder.glob("*.log"))
                raise AssertionError("the condition did not become true\n" + "\n".join(output))
            nap.wait(0.05)


def _failed(process: BaseProcess) -> bool:
    return process.name in ("scheduler", "agent") and (process.exitcode or 0) > 0


def is_stopped(process: BaseProcess) -> bool:
    """Return whether a signal stopped the process, to be continued."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _run(
    program: str,
    file: str,
    arguments: Sequence[str],
    log: str,
    dies_at: moments.Moment | None,
    sign: signal.Signals,
    prepared: Callable[[], object] | None,
) -> None:
    warnings.simplefilter("default")
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    for name in [name for name in os.environ if name.startswith(("OS_", "XDG_"))]:
        del os.environ[name]
    from tests.functional.hammering import client
    from tests.functional.soaking import customer
    from volsched.cli.main import main
    from volsched.cli.services import agent_main, scheduler_main

    if prepared is not None:
        prepared()
    if dies_at is not None:
        moments.arm(dies_at, sign)
    mains = {
        "scheduler": scheduler_main,
        "agent": agent_main,
        "command": main,
        "client": client,
        "customer": customer,
    }
    status = mains[program](["--config-file", file, *arguments])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
