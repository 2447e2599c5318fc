"""The package, built from an archive without git, contains everything that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests import TestCase
from tests.meta.sources import PACKAGES, TOP, python_files


class TestPackaging(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.out = self.folder()

    def run_in(self, folder: Path, *command: str | Path, **environment: str) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def wheel(self) -> Path:
        """Built as `pip install .` builds it, but offline, with what is installed here."""
        archive = self.out / "unpacked"
        shutil.copytree(
            TOP,
            archive,
            ignore=shutil.ignore_patterns(
                ".git", ".venv", ".tox", ".*_cache", ".stestr", "build", "*.egg-info", "tests"
            ),
        )
        offline = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
        said = self.run_in(archive, sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", self.out, ".")
        self.assertEqual("", said)
        return next(self.out.glob("volsched-*.whl"))

    def test_the_wheel_holds_the_packages_and_works_when_installed(self) -> None:
        wheel = self.wheel()
        with zipfile.ZipFile(wheel) as content:
            names = set(content.namelist())
            content.extractall(self.out / "installed")
        needed = {str(path.relative_to(TOP)) for path in python_files(*PACKAGES)}
        needed |= {f"{package}/py.typed" for package in PACKAGES}
        needed |= {str(path.relative_to(TOP)) for path in (TOP / "volsched").rglob("*.mako")}
        self.assertEqual(set(), needed - names)
        self.assertEqual(set(), {name for name in names if name.startswith(("tests", "doc", "tools"))})
        self.assertTrue(any(name.endswith("licenses/LICENSE") for name in names))

        home = self.out / "home"
        home.mkdir()
        installed = {"PYTHONPATH": str(self.out / "installed"), "HOME": str(home)}
        where = self.run_in(home, sys.executable, "-c", "import volsched; print(volsched.__file__)", **installed)
        self.assertIn("installed", where)
        program = (sys.executable, "-m", "volsched.cli.main", "--config-file", home / "volsched.conf")
        self.run_in(home, *program, "init", home, **installed)
        self.run_in(home, *program, "db", "version", **installed)
