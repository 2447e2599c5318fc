"""`volsched plugin check` and `volsched plugin verify`: whether plugins can be used, and are what was installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, DONE, USERS_MISTAKE, Lister

if TYPE_CHECKING:
    from volsched.ops.doctor.plugin_trials import Trial

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


class PluginCheck(Lister):
    """Load, construct and validate the plugins that the configuration selects, or the named one, selected or not.

    Exit status: 0 all can be used, 2 one cannot.
    """

    columns = ("Kind", "Name", "Package", "Version", "Sound", "Problems")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", nargs="?", metavar="NAME", help="a plugin, package:name, or one of your instances")
        parser.add_argument("--kind", metavar="KIND", help="where two kinds have the name, e.g. filters")
        parser.add_argument(
            "--probe", action="store_true", help="also start each, ask for its health, and stop it, in bounded time"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog
        from volsched.ops.doctor import plugin_trials

        conf, catalog, probe = self.configuration(), Catalog.discover(), parsed_args.probe
        if parsed_args.name is None:
            self._tried = plugin_trials.selected(conf, catalog, probe=probe)
        else:
            self._tried = plugin_trials.named(conf, catalog, parsed_args.name, parsed_args.kind, probe=probe)
        if not all(tried.sound for tried in self._tried):
            self.exit_status = USERS_MISTAKE
        return self.columns, [_row(tried) for tried in self._tried]

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        for tried in self._tried:
            if tried.choice is not None:
                sound = "sound" if tried.sound else "cannot be used"
                print(f"{_called(tried)}: {sound}", file=self.app.stdout)
            for problem in tried.problems:
                print(f"  {str(problem).replace(chr(10), chr(10) + '  ')}", file=self.app.stdout)
        bad = sum(not tried.sound for tried in self._tried if tried.choice is not None)
        count = sum(tried.choice is not None for tried in self._tried)
        print(f"{count} plugin{'s' * (count != 1)}, {bad or 'none'} of them broken", file=self.app.stdout)
        return DONE


def _called(tried: Trial) -> str:
    choice = tried.choice
    assert choice is not None  # noqa: S101 - asked for plugins only
    as_instance = f" (as {choice.name})" if choice.name != choice.entry.name else ""
    return f"{choice.entry}{as_instance}"


def _row(tried: Trial) -> Sequence[Any]:
    problems = [f"{problem.code} {problem.where}: {problem.what}; {problem.fix}" for problem in tried.problems]
    choice = tried.choice
    if choice is None:
        return None, None, None, None, False, problems
    return choice.kind.name, choice.name, choice.entry.package, choice.entry.version, tried.sound, problems


class PluginVerify(Lister):
    """Compare the files of every package that brings a plugin or a command with what was installed.

    Nothing is imported. Exit status: 0 nothing was changed since, 1 something was.
    """

    columns = ("Package", "Version", "Files", "Changed", "Missing", "Unrecorded", "Note")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog
        from volsched.ops.doctor.packages import verify

        found = list(verify(Catalog.discover()))
        if not all(it.well for it in found):
            self.exit_status = ANSWER_IS_NO
        return self.columns, [
            (it.package, it.version, it.files, list(it.changed), list(it.missing), list(it.unrecorded), it.note)
            for it in found
        ]
