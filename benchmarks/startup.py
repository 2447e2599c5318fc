"""The time of short commands: the help of the program, and a dry run with a small database."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

RUNS = 15
PROGRAM = [sys.executable, "-m", "volsched.cli.main"]


def measure(*, quick: bool = False) -> list[dict[str, Any]]:
    """A row a command: the fastest and the median of its runs, wall and CPU milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        _run("init", folder, "--pool-size", "100")
        file = f"{folder}/volsched.conf"
        commands = {
            "volsched --help": ("--help",),
            "volsched place --dry-run --size 1": ("--config-file", file, "place", "--dry-run", "--size", "1"),
            "volsched volume list": ("--config-file", file, "volume", "list"),
        }
        return [_timed(name, arguments, 3 if quick else RUNS) for name, arguments in commands.items()]


def _timed(name: str, arguments: tuple[str, ...], runs: int) -> dict[str, Any]:
    walls, processors = [], []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        _run(*arguments)
        walls.append((time.perf_counter() - begun) * 1e3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3)
    return {
        "command": name,
        "runs": runs,
        "wall_ms": round(statistics.median(walls), 1),
        "wall_min_ms": round(min(walls), 1),
        "cpu_ms": round(statistics.median(processors), 1),
    }


def _run(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    subprocess.run([*PROGRAM, *arguments], env=environment, check=True, capture_output=True)  # noqa: S603 - our own
