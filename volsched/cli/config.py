"""`volsched config …`: what can be set, whether it is set right, and where each value came from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import DONE, USERS_MISTAKE, Command, Lister
from volsched.exceptions import DatabaseUnavailable

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.loader import Problem

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


class ConfigSample(Command):
    """Print a configuration file with every option, its help and its default."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--all", action="store_true", help="with the options of every installed plugin, not of volsched's own only"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from volsched.conf.opts import list_opts, sample

        self.app.stdout.write(sample(list_opts() if parsed_args.all else None))


class ConfigCheck(Lister):
    """Read every option and load every plugin that the configuration names; tell all that is wrong.

    Nothing is started, and no storage is touched. Exit status: 0 all is well (there may be warnings), 2 it is not.
    """

    columns = ("Code", "Severity", "Where", "Problem", "Fix")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.cli import config_facts
        from volsched.loader import Catalog, examine

        conf = self.configuration()
        plugins, problems = examine(conf, Catalog.discover())
        self._read = f"{len(list(conf.options()))} options, files: {', '.join(conf.settings.files) or 'none'}"
        if plugins is not None:
            problems += tuple(self._of_the_database(conf, config_facts.problems))
        if any(problem.fatal for problem in problems):
            self.exit_status = USERS_MISTAKE
        self._problems = problems
        return self.columns, [
            (problem.code, "error" if problem.fatal else "warning", problem.where, problem.what, problem.fix)
            for problem in problems
        ]

    def _of_the_database(self, conf: Configuration, look: Any) -> Iterable[Problem]:
        try:
            return list(look(conf))
        except DatabaseUnavailable as error:
            self.say(f"the expressions that backends report were not looked at: {error}")
            return ()

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        for problem in self._problems:
            print(problem if problem.fatal else f"{problem}\n      (a warning: it works)", file=self.app.stdout)
        bad = sum(problem.fatal for problem in self._problems)
        print(f"{bad or 'no'} problem{'s' * (bad != 1)} ({self._read})", file=self.app.stdout)
        return DONE


class ConfigShow(Lister):
    """Show every option that is set, or all of them, with the value that counts. Secrets are not shown."""

    columns = ("Section", "Option", "Value", "Origin")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("section", nargs="?", metavar="SECTION", help="only this section")
        parser.add_argument("--all", action="store_true", help="defaults too")
        parser.add_argument("--origin", action="store_true", help="with where each value came from: file and line")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.conf import Source
        from volsched.exceptions import InvalidRequest
        from volsched.loader import Catalog, examine

        conf = self.configuration()
        examine(conf, Catalog.discover())  # which registers the options of the plugins
        if parsed_args.section and parsed_args.section not in conf.groups():
            known = ", ".join(sorted(conf.groups()))
            raise InvalidRequest("section", f"no section {parsed_args.section!r}; there are {known}")
        rows = []
        for section, option in sorted(conf.options(), key=lambda item: (item[0], item[1].dest)):
            if section == "DEFAULT" or parsed_args.section not in (None, section):
                continue
            origin = conf.origin(section, option.dest)
            if parsed_args.all or parsed_args.section or origin.source is not Source.DEFAULT:
                rows.append((section, option.dest, _shown(conf, section, option), str(origin)))
        if parsed_args.origin or parsed_args.columns:
            return self.columns, rows
        return self.columns[:-1], [row[:-1] for row in rows]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "nothing is set: every option has its default; --all shows them"


def _shown(conf: Configuration, section: str, option: Any) -> Any:
    from volsched.conf.configuration import BadValue

    try:
        value = conf[section][option.dest]
    except BadValue as error:
        return f"({error.what})"
    return "(secret)" if option.secret and value else value
