"""`volsched plugin new`: the package can be built and installed, and passes its own tests."""

from __future__ import annotations

import io
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import ClassVar

import ddt

from tests import TestCase
from tests.environments import Ended, Environment
from volsched.cli.main import main
from volsched.ops.scaffold import PLUGIN_KINDS, planned

#: The least that a generated package must test, its own tests and the laws together.
LEAST = {
    "scheduler": 20, "filter": 20, "weigher": 20, "weight_handler": 18, "notifier": 18, "backend": 17, "command": 7,
}  # fmt: skip
#: Those of pytest that happen to be installed here.
WITHOUT_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def typed(*words: str) -> Ended:
    """What becomes of `volsched plugin new` with these words."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            status = main(["plugin", "new", *words])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ended(status, output.getvalue(), errors.getvalue())


def _under_stestr(environment: Environment, folder: Path) -> Ended:
    return environment.python("-m", "stestr", "run", "--serial", folder=folder)


def _under_pytest(environment: Environment, folder: Path) -> Ended:
    words = ("-q", "-p", "no:cacheprovider")
    return environment.warm(*words, call="pytest:main", folder=folder, env=WITHOUT_PLUGINS)


@ddt.ddt
class TestGenerated(TestCase):
    """Every kind, through the whole of an author's first minutes."""

    folder_of_all: ClassVar[Path]
    environment: ClassVar[Environment]
    ran: ClassVar[dict[tuple[str, str], Ended]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.folder_of_all = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="volsched-test-")))
        folders = {kind: cls.folder_of_all / kind for kind in PLUGIN_KINDS}
        for kind, folder in folders.items():
            ended = typed(kind, f"new_{kind}", "--folder", str(folder))
            assert ended.status == 0, ended.said
        cls.environment = Environment(cls.folder_of_all / "environment")
        halves = [*folders.values()][::2], [*folders.values()][1::2]
        with ThreadPoolExecutor(2) as pool:
            wheels = [wheel for built in pool.map(lambda half: cls.environment.build(*half), halves) for wheel in built]
        assert len(wheels) == len(PLUGIN_KINDS), wheels
        cls.environment.install(*wheels)
        with ThreadPoolExecutor(2) as pool:
            started = {
                (kind, runner): pool.submit(run, cls.environment, folder)
                for kind, folder in folders.items()
                for runner, run in (("stestr", _under_stestr), ("pytest", _under_pytest))
            }
        cls.ran = {key: future.result() for key, future in started.items()}

    @ddt.data(*PLUGIN_KINDS)
    def test_its_tests_pass_under_stestr(self, kind: str) -> None:
        ended = self.ran[kind, "stestr"]
        self.assertEqual(0, ended.status, ended.said)
        passed = next(line for line in ended.said.splitlines() if "Passed:" in line)
        self.assertGreaterEqual(int(passed.partition(":")[2]), LEAST[kind], ended.said)

    @ddt.data(*PLUGIN_KINDS)
    def test_its_tests_pass_under_pytest(self, kind: str) -> None:
        ended = self.ran[kind, "pytest"]
        self.assertEqual(0, ended.status, ended.said)
        last = ended.output.strip().splitlines()[-1]
        self.assertGreaterEqual(int(last.split()[0]), LEAST[kind], ended.said)

    def test_the_program_finds_each_of_them(self) -> None:
        ended = self.environment.volsched("plugin", "list", "-f", "value", "-c", "Name", "-c", "Package")
        self.assertEqual(0, ended.status, ended.said)
        for kind in PLUGIN_KINDS:
            if kind != "command":
                self.assertIn(f"new_{kind} volsched-new-{kind.replace('_', '-')}\n", ended.output)

    def test_the_command_can_be_typed(self) -> None:
        folder = self.folder_of_all / "embedded"
        config = ("--config-file", str(folder / "volsched.conf"))
        self.assertEqual(0, self.environment.volsched(*config, "init", str(folder)).status)
        ended = self.environment.volsched(*config, "new", "command", "-f", "json")
        self.assertEqual((0, "[]"), (ended.status, ended.output.strip()), ended.said)


@ddt.ddt
class TestRefusals(TestCase):
    @ddt.data(
        (("filtre", "rack"), "KIND: expected one of scheduler, filter, .*, got 'filtre'"),
        (("filter", "Rack-Row"), "NAME: expected the name of a filter.*got 'Rack-Row'.*rack_row"),
        (("filter", "a" * 31), "NAME: .*at most 30"),
        (("filter", "9lives"), "got '9lives'.*lives"),
        (("filter", "a__b"), "single underscores"),
        (("filter", "class"), "NAME: expected the name of a module, got the keyword 'class'"),
        (("filter", "capacity"), "NAME: 'capacity' is one of the filters that volsched publishes; use another name"),
        (("command", "pool_list"), "NAME: 'pool_list' is one of the commands that volsched publishes"),
        (("filter", "rack", "--package", "../rack"), "--package: expected the name of a package, got '../rack'"),
        (("filter", "rack", "--package", "volsched"), "--package: its module 'volsched' would hide another module"),
        (("filter", "rack", "--package", "json"), "--package: its module 'json' would hide another module"),
        (("filter", "rack", "--folder", "/dev/null/x"), "--folder: .* cannot be written"),
    )
    @ddt.unpack
    def test_a_bad_argument_is_named_with_its_fix(self, words: tuple[str, ...], said: str) -> None:
        ended = typed(*words)
        self.assertEqual(2, ended.status, ended.said)
        self.assertRegex(ended.errors, said)

    def test_nothing_is_overwritten(self) -> None:
        folder = self.folder()
        (folder / "precious").write_text("mine")
        ended = typed("filter", "rack", "--folder", str(folder))
        self.assertEqual(2, ended.status)
        self.assertIn("expected a new folder", ended.errors)
        self.assertEqual(["precious"], [path.name for path in folder.iterdir()])
        self.assertEqual(2, typed("filter", "rack", "--folder", str(folder / "precious")).status)

    def test_an_empty_folder_will_do(self) -> None:
        folder = self.folder()
        ended = typed("weight handler", "rack", "--folder", str(folder), "--package", "Acme.Rack_Order")
        self.assertEqual(0, ended.status, ended.said)
        self.assertTrue((folder / "src" / "acme_rack_order" / "rack.py").exists())
        self.assertIn("pip install --editable", ended.errors)

    @ddt.data("Filter", "filters", "weight-handler", "scheduler driver", "scheduler_driver", "weight_handlers")
    def test_a_kind_may_be_spelt_as_elsewhere(self, kind: str) -> None:
        self.assertIn(planned(kind, "rack").kind.name, PLUGIN_KINDS)

    def test_every_file_is_in_the_package(self) -> None:
        folder = self.folder() / "new"
        shutil.rmtree(folder, ignore_errors=True)
        written = {str(path.relative_to(folder)) for path in planned("filter", "rack").write(folder)}
        self.assertLessEqual(
            {"pyproject.toml", "tox.ini", "README.rst", "LICENSE", "src/volsched_rack/py.typed"}, written
        )
        self.assertIn("tests/test_rack.py", written)
