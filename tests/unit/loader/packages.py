"""Tiny packages, as pip would have installed them: real modules and real metadata in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

FILTER = """
    from volsched.plugins import PoolFilter

    class {name}(PoolFilter):
        contract = {contract}

        def rejects(self, request, pool):
            return None
"""

NOTIFIER = """
    from oslo_config import cfg
    from volsched.plugins import Notifier

    class {name}(Notifier):
        contract = (1, 0)

        @classmethod
        def config_opts(cls):
            return [
                cfg.StrOpt("url", required=True, help="Where events are posted."),
                cfg.IntOpt("timeout", default=5, min=1, max=60, help="Seconds."),
                cfg.StrOpt("token", secret=True, default="", regex="^[a-z]*$", help="What it signs with."),
            ]

        def __init__(self, *, url, timeout, token):
            self.url = url

        def notify(self, event):
            pass
"""


def a_filter(name: str = "RackFilter", contract: str = "(1, 0)") -> str:
    return FILTER.format(name=name, contract=contract)


def a_notifier(name: str = "Webhook") -> str:
    return NOTIFIER.format(name=name)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Site:
    """A folder on the module path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.folder.mkdir()
        self.home = folder / "home"
        self.home.mkdir()

    def publish(
        self,
        package: str,
        version: str,
        *,
        modules: Mapping[str, str],
        entry_points: Mapping[str, Mapping[str, str]],
        requires: Sequence[str] = (),
    ) -> None:
        """Install a package: `modules` are sources by module name, `entry_points` are `{group: {name: value}}`."""
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {package}", f"Version: {version}"]
        (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {need}" for need in requires), ""]))
        published = [
            line
            for group, names in entry_points.items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join([*published, ""]))

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
        """Run `volsched` with this folder on the module path, and no configuration but the one that is named."""
        ended = warm.run(arguments, folder=self.home, environment=self._environment(env), path=[str(self.folder)])
        return Outcome(ended.status, ended.output, ended.errors)

    def python(self, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
        """Run Python in the same way."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self._environment(env),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        own = {"PYTHONPATH": str(self.folder), "HOME": str(self.home), "OS_PATHS__STATE_PATH": str(self.home)}
        return {**kept, **own, **(env or {})}

    def configured(self, text: str) -> str:
        """The path of a configuration file with this text."""
        path = self.home / "volsched.conf"
        path.write_text(textwrap.dedent(text))
        return str(path)

    def check(self, text: str, env: Mapping[str, str] | None = None) -> tuple[int, list[dict[str, Any]]]:
        """What `volsched config check` says of a configuration: exit status and findings."""
        done = self.run("--config-file", self.configured(text), "config", "check", "-f", "json", env=env)
        if not done.stdout:
            raise AssertionError(f"config check said nothing; exit status {done.status}: {done.stderr}")
        return done.status, json.loads(done.stdout)
