"""The volsched program as its users run it: real processes in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

PATIENCE_SECONDS = 120
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What became of one command."""

    arguments: tuple[str, ...]
    status: int
    output: str
    errors: str

    def json(self) -> Any:
        return json.loads(self.output)


def environment(home: Path) -> dict[str, str]:
    """This process's environment, without what would change what volsched does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "XDG_", "PYTHONW"))}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


class Program:
    """`volsched --config-file FILE`, or without a file, with `folder` as the home folder."""

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self.folder = folder
        self.before = ("--config-file", str(file)) if file is not None else ()

    def run(self, *arguments: str) -> Ran:
        """Run one command to its end."""
        with self.start(*arguments) as process:
            try:
                output, errors = process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ran(arguments, process.returncode, output, errors)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command; whoever calls ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "volsched.cli.main", *self.before, *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class WarmProgram:
    """The same without the time to start: see tests.warm."""

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self.folder = folder
        self.before = ("--config-file", str(file)) if file is not None else ()

    def run(self, *arguments: str, kill_at: int = 0) -> Ran:
        """Run one command to its end, or until it is killed before a step; see tests.functional.deadly."""
        ended = warm.run(
            [*self.before, *arguments], folder=self.folder, environment=environment(self.folder), kill_at=kill_at
        )
        return Ran(arguments, ended.status, ended.output, ended.errors)

    def run_all(self, commands: Sequence[Sequence[str]]) -> list[Ran]:
        """Run commands that do not depend on one another side by side; the answers are in their order."""
        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(lambda arguments: self.run(*arguments), commands))
