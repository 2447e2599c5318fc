"""`volsched config …`: every option and its value, whether the configuration is valid, and its reload."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import DONE, FAILED, USAGE_ERROR, Command, Lister, Rows
from volsched.exceptions import ConfigurationError, DatabaseUnavailable, InvalidRequest

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.loader import Problem
    from volsched.service.pidfile import PidFile, PidFiles

RELOAD_SECONDS = 60.0
POLL_SECONDS = 0.05


class ConfigSample(Command):
    """Print a configuration file with every option, its help and its default."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--all", action="store_true", help="include the options of every installed plugin, not only volsched's own"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.conf.opts import list_opts, sample

        self.app.stdout.write(sample(list_opts() if parsed_args.all else None))


class ConfigCheck(Lister):
    """Read every option and load every plugin that the configuration selects, and show all problems.

    Nothing is started, and no storage is accessed. Exit status: 0 no problem (warnings are possible), 2 a problem.
    """

    columns = ("Code", "Severity", "Where", "Problem", "Fix")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog, examine

        conf = self.configuration()
        plugins, problems = examine(conf, Catalog.discover())
        self._summary = f"{len(list(conf.options()))} options, files: {', '.join(conf.settings.files) or 'none'}"
        if plugins is not None:
            problems += tuple(self._stored_problems(conf))
        if any(problem.fatal for problem in problems):
            self.exit_status = USAGE_ERROR
        self._problems = problems
        return self.columns, [
            (problem.code, "error" if problem.fatal else "warning", problem.where, problem.what, problem.fix)
            for problem in problems
        ]

    def _stored_problems(self, conf: Configuration) -> Iterable[Problem]:
        try:
            return list(stored_problems(conf))
        except DatabaseUnavailable as error:
            self.say(f"the expressions that backends report were not checked: {error}")
            return ()

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        for problem in self._problems:
            print(problem if problem.fatal else f"{problem}\n      (a warning: it works)", file=self.app.stdout)
        count = sum(problem.fatal for problem in self._problems)
        print(f"{count or 'no'} problem{'s' * (count != 1)} ({self._summary})", file=self.app.stdout)
        return DONE


def stored_problems(conf: Configuration) -> Iterator[Problem]:
    """Yield problems of the expressions that backends have reported. Raises DatabaseUnavailable."""
    from volsched.loader import Catalog, Problem
    from volsched.ops.doctor import DoctorContext, expressions

    context = DoctorContext(conf, Catalog.discover())
    try:
        problem = context.database_problem
        if isinstance(problem, ConfigurationError):
            where = conf.label("database", "connection")
            fix = "volsched config sample shows a valid value"
            yield Problem(code="VS108", where=where, what=problem.problem, fix=fix)
            return
        if problem is not None:
            raise problem
        yield from expressions.problems(context)
    finally:
        context.close()


class ConfigShow(Lister):
    """Show every option that is set, or all options, with their values. Secrets are not shown."""

    columns = ("Section", "Option", "Value", "Origin")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("section", nargs="?", metavar="SECTION", help="show only this section")
        parser.add_argument("--all", action="store_true", help="show options with their default value too")
        parser.add_argument("--origin", action="store_true", help="show the file and line that set each value")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.conf import Source
        from volsched.loader import Catalog, examine

        conf = self.configuration()
        examine(conf, Catalog.discover())  # registers the options of the plugins
        if parsed_args.section and parsed_args.section not in conf.groups():
            known = ", ".join(sorted(conf.groups()))
            raise InvalidRequest("section", f"no section {parsed_args.section!r}; there are {known}")
        rows = []
        for section, option in sorted(conf.options(), key=lambda item: (item[0], item[1].dest)):
            if section == "DEFAULT" or parsed_args.section not in (None, section):
                continue
            origin = conf.origin(section, option.dest)
            if parsed_args.all or parsed_args.section or origin.source is not Source.DEFAULT:
                rows.append((section, option.dest, _value(conf, section, option), str(origin)))
        if parsed_args.origin or parsed_args.columns:
            return self.columns, rows
        return self.columns[:-1], [row[:-1] for row in rows]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no option is set: every option has its default; --all shows them"


def _value(conf: Configuration, section: str, option: Any) -> Any:
    from volsched.conf.configuration import BadValue

    try:
        value = conf[section][option.dest]
    except BadValue as error:
        return f"({error.what})"
    return "(secret)" if option.secret and value else value


class ConfigReload(Lister):
    """Check the configuration, and let the services on this machine reload it between two requests.

    Each service reads and checks its own files, and keeps its configuration if anything is wrong. Exit status: 0 all
    services have reloaded, 1 one has not, 2 the configuration is wrong and no service was asked to reload.
    """

    columns = ("Service", "PID", "Generation", "Reloaded", "Problem", "Until Restart")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=float,
            default=RELOAD_SECONDS,
            metavar="SECONDS",
            help=f"the longest time to wait for the services (default: {RELOAD_SECONDS:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog, LoadProblems, examine
        from volsched.service.pidfile import PidFiles, send

        if not parsed_args.timeout >= 0:
            raise InvalidRequest("--timeout", f"expected a number of seconds, 0 or more, got {parsed_args.timeout:g}")
        conf = self.configuration()
        plugins, problems = examine(conf, Catalog.discover())
        if plugins is None:
            raise LoadProblems((problem for problem in problems if problem.fatal), "no service was asked to reload")
        self._state_path = conf.paths.state_path
        records = PidFiles(self._state_path)
        running = list(records.alive())
        signaled = {head for head in {record.head for record in running} if send(head, signal.SIGHUP)}
        asked = [record for record in running if record.head in signaled]
        until = time.monotonic() + parsed_args.timeout
        rows = [_reloaded(record, _wait_for_reload(records, record, until)) for record in asked]
        if not rows or not all(row[3] for row in rows):
            self.exit_status = FAILED
        return self.columns, rows

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return (
            f"no service with its state in {self._state_path} runs on this machine; "
            "volsched's commands read the configuration each time"
        )


def _wait_for_reload(records: PidFiles, asked: PidFile, until: float) -> PidFile | None:
    """Return the service's record after its reload succeeded or failed; None if it took too long, or ended."""
    pause = threading.Event()
    while True:
        found = records.current(asked)
        if found is None or found.reloads > asked.reloads:
            return found
        if time.monotonic() > until:
            return None
        pause.wait(POLL_SECONDS)


def _reloaded(asked: PidFile, found: PidFile | None) -> Sequence[Any]:
    if found is None:
        return asked.program, asked.pid, None, False, "it did not answer in time, or ended; see its log", ()
    return found.program, found.pid, found.generation, found.problem is None, found.problem, list(found.until_restart)
