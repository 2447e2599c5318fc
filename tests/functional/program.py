"""The volsched program as its users run it: real processes, in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """What became of one command."""

    arguments: tuple[str, ...]
    status: int
    output: str
    errors: str

    def json(self) -> Any:
        return json.loads(self.output)


class Program:
    """`volsched --config-file FILE`; without a file, `volsched` with an empty home folder."""

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self.folder = folder
        self.before = ("--config-file", str(file)) if file is not None else ()

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run one command to its end."""
        return self.run_all([arguments], env=env)[0]

    def run_all(self, commands: Sequence[Sequence[str]], *, env: Mapping[str, str] | None = None) -> list[Ran]:
        """Run commands that do not depend on one another side by side; the answers are in their order."""
        started = [(command, self.start(*command, env=env)) for command in commands]
        return [_ended(tuple(command), process) for command, process in started]

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start one command; whoever calls ends it."""
        return subprocess.Popen(
            [sys.executable, "-m", "volsched.cli.main", *self.before, *arguments],
            cwd=self.folder,
            env={**self._environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        """This process's environment, without what would change what volsched does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "XDG_", "PYTHONW"))}
        return {**kept, "HOME": str(self.folder), "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"}


def _ended(arguments: tuple[str, ...], process: subprocess.Popen[str]) -> Ran:
    with process:
        try:
            output, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Ran(arguments, process.returncode, output, errors)
