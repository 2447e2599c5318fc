"""The `volsched` program: global options, the search for the command, exit status."""

from __future__ import annotations

import argparse
import difflib
import importlib.metadata
import io
import itertools
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import cliff.app
import cliff.command
import cliff.commandmanager
import cliff.complete
import cliff.help

from volsched import distributions
from volsched.cli.command import DONE, FAILED, USAGE_ERROR, exit_status_of
from volsched.exceptions import PluginError, VolschedError
from volsched.library_warnings import ignore_library_warnings

PROGRAM = "volsched"
COMMANDS = "volsched.commands"
INTERRUPTED = 130
BROKEN_PIPE = 141
DESCRIPTION = "A volume scheduler that operators can trust."
#: Loggers whose records the user need not see: events of the `log` notifier, old option names (`config check` shows
#: them), and failed requests (the command shows them).
QUIET_LOGGERS = (
    "volsched.notification",
    "oslo_config.cfg",
    "volsched.placement.watchdog",
    "volsched.flows",
    "volsched.scheduler.outcomes",
    "volsched.scheduler.worker",
    "volsched.agent.operations",
    "oslo_policy",  # the raised error has all of it
)


#: The permissions that files and folders of volsched never grant: those of others, and writing by the group.
OTHERS = 0o027


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration."""
    ignore_library_warnings()
    distributions.tolerate_unreadable()
    os.umask(os.umask(0o077) | OTHERS)
    standard_output = sys.stdout
    output = _prepare_streams()
    try:
        status = Program().run(list(sys.argv[1:] if argv is None else argv))
        output.flush()
        if output.problem is not None:
            sys.stderr.write(f"{PROGRAM}: the output could not be written: {output.problem.strerror}\n")
            _discard_output(output)
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output(output)
        return BROKEN_PIPE
    finally:
        sys.stdout = standard_output


class Output:
    """A stream that keeps an error of its device instead of raising it: the work decides the exit status."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.problem: OSError | None = None  # the first one

    def write(self, text: str) -> int:
        self._call("write", text)
        return len(text)

    def flush(self) -> None:
        self._call("flush")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _call(self, method: str, *args: str) -> None:
        try:
            if self.problem is None:
                getattr(self._stream, method)(*args)
        except BrokenPipeError:
            raise
        except OSError as problem:
            self.problem = problem


def _prepare_streams() -> Output:
    """Replace sys.stdout by an Output that can show every text; open closed standard streams as /dev/null.

    A closed one would otherwise share its number with the first file that is opened, such as the database.
    """
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - open until the process ends
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - likewise
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - likewise
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    output = sys.stdout if isinstance(sys.stdout, Output) else Output(sys.stdout)
    sys.stdout = output
    return output


def _discard_output(output: Output) -> None:
    """Send what is still buffered to /dev/null, so that Python does not raise when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


class Commands(cliff.commandmanager.CommandManager):  # type: ignore[misc]  # cliff's types are not followed
    """The commands that packages publish. A command is imported when it is run."""

    def load_commands(self, namespace: str) -> None:
        """Find the commands; those of volsched take precedence over others of the same name."""
        self.group_list.append(namespace)
        for entry in sorted(distributions.entry_points(namespace), key=_own_first):
            self.commands.setdefault(entry.name.replace("_", " "), entry)

    def provider(self, words: Sequence[str]) -> tuple[str, str]:
        """Return the command that the words begin with, and the package and version that publish it."""
        for end in range(len(words), 0, -1):
            entry = self.commands.get(" ".join(words[:end]))
            if entry is not None:
                dist = getattr(entry, "dist", None)
                return " ".join(words[:end]), f"{dist.name} {dist.version}" if dist is not None else ""
        return " ".join(words), ""


def _own_first(entry: importlib.metadata.EntryPoint) -> tuple[bool, str, str]:
    if entry.value.startswith(f"{PROGRAM}."):  # reading each one's package would double the start-up time
        return False, "", entry.name
    return True, entry.dist.name if entry.dist is not None else "", entry.name


class Help(cliff.help.HelpCommand):  # type: ignore[misc]
    """Show the usage of a command."""

    def get_epilog(self) -> str:
        return ""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.cmd and self.app.find(parsed_args.cmd) is not None:
            return int(super().take_action(parsed_args))
        if parsed_args.cmd:
            return USAGE_ERROR
        self.app.print_help()
        return DONE


class Complete(cliff.complete.CompleteCommand):  # type: ignore[misc]
    """Print the completion script of this program for a shell: `source <(volsched complete)`."""

    def get_epilog(self) -> str:
        return ""


class Program(cliff.app.App):  # type: ignore[misc]
    """The program. `options` are the global options."""

    NAME = PROGRAM

    def __init__(self) -> None:
        manager = Commands(COMMANDS)
        super().__init__(DESCRIPTION, distributions.version(PROGRAM), manager, deferred_help=True)
        manager.add_command("help", Help)
        manager.add_command("complete", Complete)

    def build_option_parser(
        self, description: str | None, version: str | None, argparse_kwargs: dict[str, Any] | None = None
    ) -> argparse.ArgumentParser:
        # No abbreviations: global options are accepted after the command too, and must not match the command's options.
        parser = argparse.ArgumentParser(
            prog=PROGRAM, description=description, add_help=False, allow_abbrev=False, **(argparse_kwargs or {})
        )
        parser.add_argument("--version", action="version", version=f"{PROGRAM} {version}")
        parser.add_argument(
            "--config-file", action="append", metavar="FILE", help="read this configuration file; repeatable"
        )
        parser.add_argument(
            "--config-dir", action="append", metavar="DIR", help="read the .conf files of this folder; repeatable"
        )
        parser.add_argument("--as-project", metavar="ID", help="act as a member of this project")
        parser.add_argument("--as-user", metavar="ID", help="act as this user, without administrator rights")
        parser.add_argument(
            "--as-role", action="append", metavar="ROLE", help="act with only this role (default: member); repeatable"
        )
        volume = parser.add_mutually_exclusive_group()
        volume.add_argument(
            "-v", "--verbose", action="count", dest="verbose_level", default=1, help="show more of the log; repeatable"
        )
        volume.add_argument(
            "-q", "--quiet", action="store_const", dest="verbose_level", const=0, help="show only errors"
        )
        parser.add_argument("--log-file", metavar="FILE", help="write the log to this file too")
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        parser.add_argument("-h", "--help", dest="deferred_help", action="store_true", help="show this help and exit")
        return parser

    def configure_logging(self) -> None:
        """Write warnings to stderr, one line each; --verbose and --quiet change the level."""
        levels = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}
        console = logging.StreamHandler(self.stderr)
        console.setLevel(levels.get(self.options.verbose_level, logging.DEBUG))
        console.setFormatter(_OneLine(debug=self.options.debug))
        if self.options.verbose_level < 2:
            console.addFilter(lambda record: not record.name.startswith(QUIET_LOGGERS))
        root = logging.getLogger()
        root.setLevel(min(console.level, logging.INFO if self.options.log_file else console.level))
        root.addHandler(console)
        if self.options.log_file:
            log_file = logging.FileHandler(self.options.log_file)
            log_file.setFormatter(logging.Formatter(self.LOG_FILE_MESSAGE_FORMAT))
            root.addHandler(log_file)

    def run(self, argv: list[str]) -> int:
        """Return the exit status. Only a broken pipe and an interrupt are raised; with --debug, every error."""
        for argument in argv:
            if any("\ud800" <= character <= "\udfff" for character in argument):
                return self.refuse(
                    f"arguments: expected {sys.getfilesystemencoding()} text, got {argument!r}", USAGE_ERROR
                )
        self.options, rest = self.parser.parse_known_args(argv)
        try:
            self.configure_logging()
        except OSError as error:
            return self.refuse(f"--log-file: {error.filename}: {error.strerror}", USAGE_ERROR)
        if self.options.deferred_help and rest:
            rest.insert(0, "help")
        if not rest:
            self.print_help()
            return DONE
        if rest[0].startswith("-"):
            return self.refuse(f"no such option: {rest[0]}; see {PROGRAM} --help", USAGE_ERROR)
        return self.run_subcommand(rest)

    def run_subcommand(self, argv: list[str]) -> int:
        try:
            found = self.find(argv)
            if found is None:
                return USAGE_ERROR
            command_class, name, rest = found
            command = command_class(self, self.options)
            parsed_args = command.get_parser(f"{PROGRAM} {name}").parse_args(rest)
            return int(command.run(parsed_args) or DONE)
        except BrokenPipeError:
            raise
        except VolschedError as error:
            if self.options.debug:
                raise
            return self.refuse(str(error), exit_status_of(error))
        except Exception as error:
            if self.options.debug:
                raise
            what = f"{type(error).__name__}: {error}"
            return self.refuse(f"unexpected error: {what}; --debug shows its traceback", FAILED)

    def find(self, argv: list[str]) -> tuple[type[cliff.command.Command], str, list[str]] | None:
        """Return the command that the words name, its name, and the rest; None, after a message, if there is none."""
        try:
            command_class, name, rest = self.command_manager.find_command(argv)
        except ValueError:
            self.refuse(self._unknown(argv), USAGE_ERROR)
            return None
        except (Exception, SystemExit) as error:
            what = f"the command cannot be imported: {type(error).__name__}: {error}"
            name, package = self.command_manager.provider(argv)
            raise PluginError(name, what, package) from error
        return command_class, name, rest

    def _unknown(self, argv: Sequence[str]) -> str:
        words = " ".join(itertools.takewhile(lambda word: not word.startswith("-"), argv))
        names = sorted(self.command_manager.commands)
        longer = [name for name in names if name.startswith(words + " ")]
        if longer:
            return f"{words!r} is not complete; there are {', '.join(longer)}"
        similar = difflib.get_close_matches(words, names, n=3)
        hint = f"did you mean {' or '.join(similar)}?" if similar else f"see {PROGRAM} --help"
        return f"no command {words!r}; {hint}"

    def refuse(self, why: str, status: int) -> int:
        """Write why to stderr and return `status`."""
        self.stdout.flush()
        print(f"{PROGRAM}: {why}", file=self.stderr, flush=True)
        return status

    def print_help(self) -> None:
        """Write the global options, and every command with its summary."""
        self.parser.print_help(self.stdout)
        commands = sorted(self.command_manager)
        width = max(len(name) for name, _ in commands)
        self.stdout.write("\nCommands:\n")
        self.stdout.writelines(f"  {name:<{width}}  {line}\n" for name, line in _one_liners(commands))


def _one_liners(commands: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    for name, entry in commands:
        try:
            text = entry.load().__doc__ or ""
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's module; the others are listed
            text = f"(cannot be imported: {type(error).__name__}: {error})"
        yield name, text.strip().partition("\n")[0].rstrip(".")


class _OneLine(logging.Formatter):
    """A log record as one line; with --debug, followed by the traceback."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__("%(levelname)s: %(message)s")
        self._debug = debug

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        return super().formatException(ei) if self._debug else ""


if __name__ == "__main__":
    sys.exit(main())
