"""New Python environments for tests that install packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

PATIENCE_SECONDS = 300
#: Packages are built with what is here, from the folders that are named, and with nothing from elsewhere.
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation")
QUIET = ("--quiet", "--disable-pip-version-check", "--no-python-version-warning", "--no-input")


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        return self.output + self.errors


class Environment:
    """A virtual environment that sees what this process has installed, and holds what is installed into it.

    Packages in it are found before those that it sees.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.folder = folder / "venv"
        venv.create(self.folder, with_pip=False, symlinks=True)
        self.bin = self.folder / "bin"
        self.python_path = self.bin / "python"
        self.packages = next((self.folder / "lib").glob("python*/site-packages"))
        here = sysconfig.get_path("purelib")
        # Not the path alone: what is installed here in editable form is found through .pth files of its own.
        (self.packages / "seen.pth").write_text(f"import site; site.addsitedir({here!r})\n")

    def install(self, *packages: Path) -> None:
        """Install packages from their folders. Raises AssertionError with what pip says."""
        pip = (sys.executable, "-m", "pip", "--python", str(self.python_path), "install", *QUIET, *OFFLINE)
        self._done(self.run([*pip, *(str(package) for package in packages)]))

    def install_copies(self, *packages: Path) -> None:
        """Install packages from copies of their folders, so that building leaves nothing in them."""
        made = Path(tempfile.mkdtemp(dir=self.folder))
        self.install(*(Path(shutil.copytree(package, made / package.name)) for package in packages))

    def build(self, *packages: Path) -> list[Path]:
        """Wheels of packages, from their folders. Raises AssertionError with what pip says."""
        target = Path(tempfile.mkdtemp(dir=self.folder))
        pip = (sys.executable, "-m", "pip", "wheel", *QUIET, *OFFLINE, "--wheel-dir", str(target))
        self._done(self.run([*pip, *(str(package) for package in packages)]))
        return sorted(target.glob("*.whl"))

    def _done(self, ended: Ended) -> None:
        if ended.status:
            raise AssertionError(f"pip ended with {ended.status}:\n{ended.said}")

    def python(self, *arguments: str, folder: Path | None = None, env: Mapping[str, str] | None = None) -> Ended:
        """Run this environment's Python."""
        return self.run([str(self.python_path), *arguments], folder=folder, env=env)

    def volsched(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run the program."""
        return self.warm(*arguments, env=env)

    def warm(
        self,
        *arguments: str,
        call: str = warm.VOLSCHED,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a program without the time to start: see tests.warm."""
        surroundings = self.surroundings(folder, env)
        ended = warm.run(
            arguments,
            call=call,
            folder=surroundings["cwd"],
            environment=surroundings["env"],
            path=[str(self.packages)],
        )
        return Ended(ended.status, ended.output, ended.errors)

    def run(self, command: Sequence[str], folder: Path | None = None, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command in the home folder, without the surroundings of this process that would change what it does."""
        done = subprocess.run(command, **self.surroundings(folder, env), check=False, timeout=PATIENCE_SECONDS)
        return Ended(done.returncode, done.stdout, done.stderr)

    def surroundings(self, folder: Path | None = None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """How processes are started here."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON", "PIP_"))}
        path = os.pathsep.join([str(self.bin), kept.get("PATH", os.defpath)])
        own = {"HOME": str(self.home), "PATH": path, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return {
            "cwd": folder or self.home,
            "env": {**kept, **own, **(env or {})},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
