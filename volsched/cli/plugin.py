"""`volsched plugin …`: what is installed, what of it is selected, and what each can be told."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import table
from volsched.cli.command import Document, Lister
from volsched.exceptions import NotFound

if TYPE_CHECKING:
    from volsched.loader import Catalog, Entry

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]
Fields = tuple[Sequence[str], Sequence[Any]]


class PluginList(Lister):
    """List the installed plugins. None of them is imported: what they say of themselves is read from their source."""

    columns = ("Kind", "Name", "Package", "Version", "Contract", "Maturity", "Selected", "Note")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--kind", metavar="KIND", help="only this kind, e.g. filters")
        parser.add_argument("--selected", action="store_true", help="only those that the configuration names")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import KINDS, Catalog
        from volsched.loader.selection import selected_entries

        catalog = Catalog.discover()
        kinds = {name: kind for kind in KINDS for name in (kind.plural, kind.name, kind.plural.replace(" ", "_"))}
        if parsed_args.kind is not None and parsed_args.kind not in kinds:
            known = f"there are {', '.join(kind.plural for kind in KINDS)}"
            raise NotFound("kind of plugin", parsed_args.kind, known)
        wanted = KINDS if parsed_args.kind is None else (kinds[parsed_args.kind],)
        selected = selected_entries(self.configuration(), catalog)
        entries = [entry for kind in wanted for entry in catalog.of(kind)]
        if parsed_args.selected:
            entries = [entry for entry in entries if entry in selected]
        return self.columns, [_listed(catalog, entry, entry in selected) for entry in entries]


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
    """Show a plugin: its package, its file, what it can do and every option of it. It is imported for this."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="as the configuration names it: name or package:name")
        parser.add_argument("--kind", metavar="KIND", help="where two kinds have the name, e.g. filters")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.loader import Catalog
        from volsched.loader.descriptions import described

        document = described(_the_one(Catalog.discover(), parsed_args.name, parsed_args.kind))
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


def _the_one(catalog: Catalog, name: str, kind: str | None) -> Entry:
    from volsched.loader import KINDS
    from volsched.loader.problems import did_you_mean

    kinds = [it for it in KINDS if kind in (None, it.name, it.plural, it.plural.replace(" ", "_"))]
    found = [entry for it in kinds for entry in catalog.called(it, name)]
    if len(found) == 1:
        return found[0]
    if found:
        ways = [f"--kind {entry.kind.plural.replace(' ', '_')} {entry.full_name}" for entry in found]
        raise NotFound("plugin", name, f"say which one: {' or '.join(ways)}")
    hint = did_you_mean(name, {entry.name for entry in catalog})
    raise NotFound("plugin", name, f"{hint}volsched plugin list names the ones there are")
