"""Tests of imports: each module imports alone and does nothing else; the import contracts name every package."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

from tests import TestCase
from tests.meta.sources import PACKAGES, TOP, module_of, python_files

# Run by a fresh interpreter that knows nothing of volsched. It loads the libraries once, then forks for each module:
# the child is as fresh as a new interpreter, without the seconds that the libraries take.
PROBE = """
import gc, importlib, io, json, os, sys, threading, warnings

warnings.simplefilter("ignore")  # the libraries' own, also those about forking
from oslo_service import backend
backend.init_backend(backend.BackendType.THREADING)  # before oslo.messaging chooses for itself
import alembic.command, cliff.app, numpy, oslo_config.cfg, oslo_log.log, oslo_messaging, sqlalchemy.orm, stevedore
import taskflow.engines

def problem_of(name):
    from oslo_config import cfg
    import logging
    before = set(cfg.CONF), threading.active_count(), list(logging.getLogger().handlers), set(os.environ)
    said = sys.stdout = sys.stderr = io.StringIO()
    warnings.simplefilter("error")
    try:
        importlib.import_module(name)
    except BaseException as problem:
        return f"{type(problem).__name__}: {problem}"
    after = set(cfg.CONF), threading.active_count(), list(logging.getLogger().handlers), set(os.environ)
    if said.getvalue():
        return f"prints {said.getvalue()[:300]!r}"
    for what, was, is_now in zip(("global options", "threads", "log handlers", "the environment"), before, after):
        if was != is_now:
            return f"changes {what}: {was} became {is_now}"
    return ""

sys.pycache_prefix, sys.dont_write_bytecode = sys.argv[1], False  # each of our modules is compiled once
gc.freeze()  # so that the children do not copy what they only look at
gc.disable()
assert not [name for name in sys.modules if name.startswith("volsched")]
for name in json.load(sys.stdin):
    pid = os.fork()
    if pid == 0:
        out = os.dup(1)
        os.write(out, (json.dumps([name, problem_of(name)]) + "\\n").encode())
        os._exit(0)
    os.waitpid(pid, 0)
"""


class TestImports(TestCase):
    def test_each_module_imports_alone_and_does_nothing_else(self) -> None:
        modules = [module_of(path) for path in python_files(*PACKAGES)]
        # The migrations are scripts that alembic runs, with a database at hand.
        modules = [name for name in modules if ".migrations." not in f"{name}." and not name.endswith("__main__")]
        result = subprocess.run(
            [sys.executable, "-c", PROBE, str(self.folder())],
            input=json.dumps(modules),
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
        )
        self.assertEqual("", result.stderr)
        answers = dict(json.loads(line) for line in result.stdout.splitlines())
        self.assertEqual(set(modules), set(answers))
        self.assertEqual({}, {name: problem for name, problem in answers.items() if problem})

    def test_contracts_with_lists_name_every_package(self) -> None:
        contracts = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        packages = {f"volsched.{path.stem}" for path in (TOP / "volsched").glob("[!_]*") if path.suffix in ("", ".py")}
        below_drivers = {"volsched.exceptions", "volsched.languages", "volsched.model", "volsched.plugins"}
        (drivers,) = [it for it in contracts if it["name"].startswith("Drivers import")]
        self.assertEqual(packages - below_drivers, set(drivers["forbidden_modules"]))
        (kit,) = [it for it in contracts if it["name"].startswith("Production code never")]
        at_the_bottom = {
            "volsched.distributions",
            "volsched.exceptions",
            "volsched.languages",
            "volsched.library_warnings",
            "volsched.model",
        }
        production = packages - {"volsched.testing"} - at_the_bottom | {"volsched_drivers"}
        self.assertEqual(production, set(kit["source_modules"]))
        self.assertNotIn("ignore_imports", kit)
