"""The volsched program as its users run it: real processes, in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
    """The same for many commands: each is a process of its own, forked from one that has started already."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder = folder
        self.before = ("--config-file", str(file))

    def __enter__(self) -> Self:
        self._answers = tempfile.TemporaryDirectory(prefix="volsched-test-")
        self._server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "functional" / "warm.py")],
            cwd=ROOT,
            env=environment(self.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.communicate(timeout=PATIENCE_SECONDS)
        self._answers.cleanup()

    def run(self, *arguments: str) -> Ran:
        """Run one command to its end."""
        return self.run_all([arguments])[0]

    def run_all(self, commands: Sequence[Sequence[str]]) -> list[Ran]:
        """Run commands that do not depend on one another side by side; the answers are in their order."""
        asked = [self._asked(number, arguments) for number, arguments in enumerate(commands)]
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        statuses = json.loads(self._server.stdout.readline())
        return [
            Ran(tuple(arguments), status, Path(one["output"]).read_text(), Path(one["errors"]).read_text())
            for arguments, status, one in zip(commands, statuses, asked, strict=True)
        ]

    def _asked(self, number: int, arguments: Sequence[str]) -> Mapping[str, Any]:
        return {
            "arguments": [*self.before, *arguments],
            "folder": str(self.folder),
            "environment": environment(self.folder),
            "output": os.path.join(self._answers.name, f"{number}.output"),
            "errors": os.path.join(self._answers.name, f"{number}.errors"),
        }
