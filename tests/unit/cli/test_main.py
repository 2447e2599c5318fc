"""Tests of the program around the commands: finding them, exit statuses, what goes where."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import unittest.mock
from collections.abc import Callable
from typing import Any

import tests
from tests.unit.loader.packages import Site
from volsched.cli import main as main_module
from volsched.cli.command import Command
from volsched.cli.main import Program
from volsched.exceptions import (
    ClaimConflict,
    ConfigurationError,
    DatabaseUnavailable,
    InvalidRequest,
    NotAuthorized,
    NoValidBackend,
    PluginError,
    StorageError,
    VolumeNotFound,
)
from volsched.loader import LoadProblems, Problem


def a_command(action: Callable[[], Any]) -> type[Command]:
    """A command that does this."""

    class Made(Command):
        """Do it."""

        def take_action(self, parsed_args: argparse.Namespace) -> Any:
            return action()

    return Made


class ProgramCase(tests.TestCase):
    """A program with one more command, `act`, whose output is kept."""

    def setUp(self) -> None:
        super().setUp()
        self.out, self.err = io.StringIO(), io.StringIO()
        self.enterContext(unittest.mock.patch("sys.stdout", self.out))
        self.enterContext(unittest.mock.patch("sys.stderr", self.err))
        # The program sets up logging for a process of its own.
        self.enterContext(unittest.mock.patch.object(Program, "configure_logging"))

    def run_program(self, *argv: str, action: Callable[[], Any] = lambda: None) -> int:
        program = Program()
        program.command_manager.add_command("act", a_command(action))
        return program.run(list(argv))

    def raising(self, error: BaseException, *argv: str) -> int:
        def act() -> None:
            raise error

        return self.run_program("act", *argv, action=act)


class TestExitStatus(ProgramCase):
    def test_by_error(self) -> None:
        problem = Problem(
            code="VS101", where="[scheduler] filters", what="expected the name of a filter, got 'x'", fix="name one"
        )
        for error, status in (
            (NoValidBackend("no pool will do"), 1),
            (StorageError("h@b", "disk full"), 1),
            (DatabaseUnavailable("locked"), 1),
            (ClaimConflict("h@b#p"), 1),
            (PluginError("rack", "broke"), 1),
            (InvalidRequest("size", "0 is below 1"), 2),
            (VolumeNotFound("v1"), 2),
            (NotAuthorized("not yours"), 2),
            (ConfigurationError("[a] b", "no"), 2),
            (LoadProblems([problem]), 2),
        ):
            with self.subTest(error=type(error).__name__):
                self.err.truncate(0)
                self.assertEqual(status, self.raising(error))
                self.assertEqual("", self.out.getvalue())
                self.assertIn(str(error), self.err.getvalue())
                self.assertNotIn("Traceback", self.err.getvalue())

    def test_what_a_command_returns(self) -> None:
        self.assertEqual(0, self.run_program("act"))
        self.assertEqual(3, self.run_program("act", action=lambda: 3))

    def test_a_mistake_of_ours_is_one_line(self) -> None:
        self.assertEqual(1, self.raising(KeyError("x")))
        self.assertEqual(1, len(self.err.getvalue().splitlines()))
        self.assertIn("unexpected error: KeyError: 'x'", self.err.getvalue())

    def test_debug_shows_where(self) -> None:
        for error in (KeyError("x"), VolumeNotFound("v1")):
            with self.subTest(error=error), self.assertRaises(type(error)):
                self.raising(error, "--debug")

    def test_an_interrupt_is_130_and_a_broken_pipe_141(self) -> None:
        for error, status in ((KeyboardInterrupt(), 130), (BrokenPipeError(), 141)):

            def run(self: Program, argv: list[str], error: BaseException = error) -> int:
                raise error

            with (
                self.subTest(error=error),
                unittest.mock.patch.object(Program, "run", run),
                unittest.mock.patch("os.dup2"),
                unittest.mock.patch("sys.stdout", open(os.devnull, "w")) as null,
            ):
                self.assertEqual(status, main_module.main([]))
                null.close()


class TestFindingCommands(ProgramCase):
    def test_unknown(self) -> None:
        for words, hint in (
            (("volume", "crate"), "no command 'volume crate'; did you mean volume create"),
            (("volume",), "'volume' is not complete; there are volume create, "),
            (("frobnicate", "--all"), "no command 'frobnicate'; see volsched --help"),
            (("--frobnicate", "volume", "list"), "no such option: --frobnicate"),
        ):
            with self.subTest(words=words):
                self.err.truncate(0)
                self.assertEqual(2, self.run_program(*words))
                self.assertIn(hint, self.err.getvalue())
                self.assertEqual("", self.out.getvalue())

    def test_a_command_that_cannot_be_imported(self) -> None:
        program = Program()
        gone = main_module.importlib.metadata.EntryPoint("gone", "nowhere_at_all:Gone", main_module.COMMANDS)
        program.command_manager.commands["gone"] = gone
        self.assertEqual(1, program.run(["gone"]))
        why = "ModuleNotFoundError: No module named 'nowhere_at_all'"
        self.assertIn(f"plugin gone: the command cannot be imported: {why}", self.err.getvalue())
        program.print_help()
        self.assertIn(f"(cannot be imported: {why})", self.out.getvalue())

    def test_help(self) -> None:
        for argv, words in (
            ((), "Commands:"),
            (("--help",), "volume create"),
            (("help",), "--config-file"),
            (("help", "volume", "create"), "--size GIB"),
            (("volume", "create", "--help"), "--size GIB"),
            (("volume", "create", "-h"), "usage: volsched volume create"),
        ):
            with self.subTest(argv=argv):
                self.out.truncate(0)
                self.assertEqual(0, self.run_program(*argv))
                self.assertIn(words, self.out.getvalue())

    def test_help_about_nothing(self) -> None:
        self.assertEqual(2, self.run_program("help", "frobnicate"))

    def test_global_options_anywhere(self) -> None:
        seen: list[Any] = []

        class Seeing(Command):
            """Look at the options."""

            def take_action(self, parsed_args: argparse.Namespace) -> None:
                seen.append((self.app.options.config_file, self.app.options.config_dir))

        for argv in (
            ["--config-file", "a", "--config-file", "b", "--config-dir", "c", "see"],
            ["see", "--config-dir", "c", "--config-file", "a", "--config-file", "b"],
        ):
            program = Program()
            program.command_manager.add_command("see", Seeing)
            self.assertEqual(0, program.run(argv))
        self.assertEqual([(["a", "b"], ["c"])] * 2, seen)


class TestProcess(tests.TestCase):
    """The program as a process of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.site = Site(self.folder())

    def test_help_imports_nothing_heavy(self) -> None:
        script = (
            "import json, sys\n"
            "from volsched.cli.main import main\n"
            "main(['--help'])\n"
            "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
        )
        done = self.site.python("-c", script)
        self.assertEqual(0, done.status, done.stderr)
        heavy = {
            "numpy",
            "sqlalchemy",
            "taskflow",
            "oslo_messaging",
            "oslo_config",
            "oslo_log",
            "oslo_policy",
            "alembic",
            "yaml",
            "requests",
        }
        self.assertEqual(set(), heavy & set(json.loads(done.stderr)))

    def test_errors_stay_out_of_the_output(self) -> None:
        for output in ("json", "yaml", "table", "value"):
            with self.subTest(output=output):
                done = self.site.run("plugin", "show", "nothing", "-f", output)
                self.assertEqual((2, ""), (done.status, done.stdout))
                self.assertIn("volsched: plugin: no plugin 'nothing'", done.stderr)
                self.assertEqual(1, len(done.stderr.splitlines()))

    def test_wrong_arguments(self) -> None:
        done = self.site.run("plugin", "show")
        self.assertEqual((2, ""), (done.status, done.stdout))
        self.assertIn("the following arguments are required: NAME", done.stderr)

    def test_a_log_file_that_cannot_be_written(self) -> None:
        done = self.site.run("--log-file", "/nowhere/at/all", "plugin", "list")
        self.assertEqual((2, ""), (done.status, done.stdout))
        self.assertIn("--log-file: /nowhere/at/all: No such file or directory", done.stderr)

    def test_a_reader_that_goes_away(self) -> None:
        command = [sys.executable, "-m", "volsched.cli.main", "config", "sample"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            self.assertEqual("", process.stderr.read())
        self.assertEqual(141, process.returncode)

    def test_completion(self) -> None:
        done = self.site.run("complete")
        self.assertEqual(0, done.status, done.stderr)
        self.assertIn("complete -F _volsched volsched", done.stdout)
        volume = "create delete explain extend list manage messages migrate retype show"
        self.assertIn(f"cmds_volume='{volume}'", done.stdout)
        self.assertIn("--size", done.stdout)
        checked = subprocess.run(["bash", "-n"], input=done.stdout, text=True, capture_output=True, check=False)
        self.assertEqual((0, ""), (checked.returncode, checked.stderr))

    def test_a_strangers_command(self) -> None:
        source = """
            from cliff.command import Command

            class Hello(Command):
                "Say hello."

                def take_action(self, parsed_args):
                    print("hello", file=self.app.stdout)
        """
        group = {"volsched.commands": {"acme_hello": "acme_cli:Hello", "volume_list": "acme_cli:Hello"}}
        self.site.publish("acme-cli", "1.0", modules={"acme_cli": source}, entry_points=group)
        self.assertEqual("hello\n", self.site.run("acme", "hello").stdout)
        shown = self.site.run("--help").stdout
        self.assertRegex(shown, "acme hello +Say hello")
        self.assertRegex(shown, "volume list +List volumes", "a stranger does not take the place of ours")


class TestOutput(tests.TestCase):
    """The work decides the exit status, whatever becomes of its output."""

    def setUp(self) -> None:
        super().setUp()
        folder = self.folder()
        self.file = folder / "volsched.conf"
        self.program = f"{sys.executable} -m volsched.cli.main --config-file {self.file}"
        self.assertEqual(0, self.run_in_shell(f"{{program}} init {folder}").returncode)

    def run_in_shell(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command.replace("{program}", self.program)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def names(self) -> list[str]:
        done = self.run_in_shell("{program} volume list -f json")
        return sorted(row["Name"] for row in json.loads(done.stdout))

    def test_a_volume_is_created_without_output(self) -> None:
        for name, redirection in (("closed", ">&-"), ("full", "> /dev/full")):
            done = self.run_in_shell(f"{{program}} volume create --size 1 --name {name} {redirection}")
            with self.subTest(name):
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertNotIn("unexpected error", done.stderr)
        self.assertIn("volsched: the output could not be written: No space left on device", done.stderr)
        self.assertEqual(["closed", "full"], self.names())

    def test_text_that_the_terminal_cannot_show_is_escaped(self) -> None:
        done = self.run_in_shell(
            "{program} volume create --size 1 --name naïve -f value -c Name", PYTHONIOENCODING="ascii"
        )
        self.assertEqual((0, "na\\xefve\n"), (done.returncode, done.stdout), done.stderr)
        self.assertEqual(["naïve"], self.names())

    def test_an_argument_that_is_no_text_is_refused(self) -> None:
        for arguments in ("volume show", "type show", "--as-project p --as-user"):
            done = self.run_in_shell(f"{{program}} {arguments} $'b\\xff' volume list")
            with self.subTest(arguments):
                self.assertEqual(2, done.returncode, done.stderr)
                self.assertRegex(done.stderr, r"^volsched: arguments: expected utf-8 text, got 'b\\udcff'\n$")
