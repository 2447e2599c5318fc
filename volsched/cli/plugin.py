"""`volsched plugin …`: list, describe, check and verify plugins, and write a package for a new one."""

from __future__ import annotations

import argparse
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volsched.cli import table
from volsched.cli.command import DONE, FAILED, USAGE_ERROR, Command, Document, Fields, Lister, Rows
from volsched.exceptions import NotFound

if TYPE_CHECKING:
    from volsched.loader import Catalog, Entry, Kind
    from volsched.ops.doctor.plugin_trials import Trial


class PluginList(Lister):
    """List the installed plugins. None is imported: their properties are read from their source code."""

    columns = ("Kind", "Name", "Package", "Version", "Contract", "Maturity", "Selected", "Note")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--kind", metavar="KIND", help="list only this kind, such as filters")
        parser.add_argument("--selected", action="store_true", help="list only those that the configuration selects")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import KINDS, Catalog
        from volsched.loader.selection import selected_entries

        catalog = Catalog.discover()
        kinds = [kind for kind in KINDS if _is_called(kind, parsed_args.kind)]
        if not kinds:
            known = f"there are {', '.join(kind.plural for kind in KINDS)}"
            raise NotFound("kind of plugin", parsed_args.kind, known)
        selected = selected_entries(self.configuration(), catalog)
        entries = [entry for kind in kinds for entry in catalog.of(kind)]
        if parsed_args.selected:
            entries = [entry for entry in entries if entry in selected]
        return self.columns, [_listed(catalog, entry, entry in selected) for entry in entries]


def _is_called(kind: Kind, name: str | None) -> bool:
    return name in (None, kind.name, kind.plural, kind.plural.replace(" ", "_"))


def _listed(catalog: Catalog, entry: Entry, selected: bool) -> Sequence[Any]:
    from volsched.loader.descriptions import stated

    said = stated(entry)
    rivals = [other.provider for other in catalog.called(entry.kind, entry.name) if other != entry]
    note = f"also published by {', '.join(rivals)}" if rivals else said.note
    return (
        entry.kind.name,
        entry.name,
        entry.package,
        entry.version,
        said.contract,
        said.maturity,
        selected,
        note,
    )


class PluginShow(Document):
    """Show a plugin: its package, file, capabilities and options. The plugin is imported."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="as in the configuration: name or package:name")
        parser.add_argument("--kind", metavar="KIND", help="if two kinds have the name, such as filters")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.loader import Catalog
        from volsched.loader.descriptions import described

        document = described(_find(Catalog.discover(), parsed_args.name, parsed_args.kind))
        return tuple(document), tuple(document.values())

    def lines(self, document: Mapping[str, Any]) -> Iterator[str]:
        options = document["options"]
        for field, value in document.items():
            if field != "options":
                yield f"{field:<13}{table.for_people(value)}"
        yield f"options of {document['section']}:" if options else "no options"
        for option in options:
            yield f"  {option['name']}  ({option['allowed']}; {_default(option)})"
            yield from textwrap.wrap(option["help"], 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _default(option: Mapping[str, Any]) -> str:
    secret = ", secret" if option["secret"] else ""
    return ("required" if option["required"] else f"default: {table.for_people(option['default'])}") + secret


def _find(catalog: Catalog, name: str, kind: str | None) -> Entry:
    from volsched.loader import KINDS
    from volsched.loader.problems import did_you_mean

    kinds = [each for each in KINDS if _is_called(each, kind)]
    found = [entry for each in kinds for entry in catalog.called(each, name)]
    if len(found) == 1:
        return found[0]
    if found:
        ways = [f"--kind {entry.kind.plural.replace(' ', '_')} {entry.full_name}" for entry in found]
        raise NotFound("plugin", name, f"say which one: {' or '.join(ways)}")
    hint = did_you_mean(name, {entry.name for entry in catalog})
    raise NotFound("plugin", name, f"{hint}volsched plugin list shows the installed plugins")


class PluginCheck(Lister):
    """Load, construct and validate the plugins that the configuration selects, or the named one.

    Exit status: 0 all can be used, 2 one cannot.
    """

    columns = ("Kind", "Name", "Package", "Version", "Sound", "Problems")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "name", nargs="?", metavar="NAME", help="a plugin, package:name, or a configured instance; selected or not"
        )
        parser.add_argument("--kind", metavar="KIND", help="if two kinds have the name, such as filters")
        parser.add_argument(
            "--probe", action="store_true", help="also start each, check its health, and stop it, in bounded time"
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
            self.exit_status = USAGE_ERROR
        return self.columns, [_tried_row(tried) for tried in self._tried]

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        for tried in self._tried:
            if tried.choice is not None:
                sound = "sound" if tried.sound else "cannot be used"
                print(f"{_tried_name(tried)}: {sound}", file=self.app.stdout)
            for problem in tried.problems:
                print(f"  {str(problem).replace(chr(10), chr(10) + '  ')}", file=self.app.stdout)
        broken = sum(not tried.sound for tried in self._tried if tried.choice is not None)
        count = sum(tried.choice is not None for tried in self._tried)
        print(f"{count} plugin{'s' * (count != 1)}, {broken or 'none'} of them broken", file=self.app.stdout)
        return DONE


def _tried_name(tried: Trial) -> str:
    choice = tried.choice
    assert choice is not None  # noqa: S101 - the caller has checked it
    instance = f" (as {choice.name})" if choice.name != choice.entry.name else ""
    return f"{choice.entry}{instance}"


def _tried_row(tried: Trial) -> Sequence[Any]:
    problems = [f"{problem.code} {problem.where}: {problem.what}; {problem.fix}" for problem in tried.problems]
    choice = tried.choice
    if choice is None:
        return None, None, None, None, False, problems
    return choice.kind.name, choice.name, choice.entry.package, choice.entry.version, tried.sound, problems


class PluginVerify(Lister):
    """Compare the files of every package that publishes a plugin or a command with the installed ones.

    Nothing is imported. Exit status: 0 no file was changed since its installation, 1 one was.
    """

    columns = ("Package", "Version", "Files", "Changed", "Missing", "Unrecorded", "Note")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog
        from volsched.ops.doctor.packages import verify

        found = list(verify(Catalog.discover()))
        if not all(it.well for it in found):
            self.exit_status = FAILED
        return self.columns, [
            (it.package, it.version, it.files, list(it.changed), list(it.missing), list(it.unrecorded), it.note)
            for it in found
        ]


class PluginNew(Command):
    """Write a package for a new plugin: a working example with options, tests and the metadata to publish it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from volsched.ops.scaffold import PLUGIN_KINDS

        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("kind", metavar="KIND", help=f"the kind of plugin: {', '.join(PLUGIN_KINDS)}")
        parser.add_argument("name", metavar="NAME", help="its name in the configuration, such as rack or power_zone")
        parser.add_argument("--package", metavar="PACKAGE", help="the name of the package (default: volsched-NAME)")
        parser.add_argument(
            "--folder", metavar="FOLDER", type=Path, help="the folder to write (default: one named as the package)"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        from volsched.ops.scaffold import planned

        plan = planned(parsed_args.kind, parsed_args.name, parsed_args.package)
        folder = parsed_args.folder or Path(plan.package)
        written = plan.write(folder)
        self.app.stdout.write("".join(f"{path}\n" for path in written))
        self.say(
            f"\nThe class {plan.class_name} is a working {plan.kind.words} to start from. To test it:\n"
            f"  cd {shlex.quote(str(folder))} && pip install --editable '.[test]' && stestr run"
        )
        return DONE
