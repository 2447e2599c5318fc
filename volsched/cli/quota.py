"""`volsched quota …`: how much a project may have, and has."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Lister
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.service.application import Application

COLUMNS = ("Project", "Type", "Resource", "Limit", "In use", "Reserved")
UNLIMITED = -1
DEFAULT = "default"

Rows = list[tuple[Any, ...]]


def limit_from(field: str, text: str) -> int | None:
    """A limit; None: the configured one again. Raises InvalidRequest."""
    if text == DEFAULT:
        return None
    try:
        given = int(text)
    except ValueError:
        given = UNLIMITED - 1
    if not UNLIMITED <= given < 1 << 31:
        raise InvalidRequest(field, f"{text!r} is no limit; give a whole number, -1 (unlimited) or {DEFAULT}")
    return given


def _usage(application: Application, context: Any, project: str, kind: tuple[str, str] | None) -> Rows:
    """`kind`: the id and the name of a volume type; None: all types together."""
    usage = application.quotas.usage(context, project, kind[0] if kind is not None else None)
    return [
        (
            project,
            kind[1] if kind is not None else None,
            each.resource,
            None if each.limit == UNLIMITED else each.limit,
            each.used,
            each.reserved,
        )
        for each in usage
    ]


def _everything(application: Application, context: Any, project: str) -> Rows:
    """Of all types together, and of each that has a limit."""
    kinds = [(kind.id, str(kind.name)) for kind in application.types.list() if kind.id]
    by_type = (_usage(application, context, project, kind) for kind in kinds)
    limited: Iterable[Rows] = (rows for rows in by_type if any(row[3] is not None for row in rows))
    return [*_usage(application, context, project, None), *(row for rows in limited for row in rows)]


def _of_type(application: Application, context: Any, project: str, name: str | None) -> Rows:
    if name is None:
        return _everything(application, context, project)
    kind = application.types.find(name)
    return _usage(application, context, project, (str(kind.id), str(kind.name)))


class QuotaShow(Lister):
    """Show how much a project may have, has, and has asked for. No limit: as much as there is."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("project", metavar="PROJECT", nargs="?", help="the project; your own if it is left out")
        parser.add_argument("--type", metavar="NAME", help="of this volume type only")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        context = self.context()
        project = parsed_args.project or context["project_id"]
        with self.application() as application:
            return COLUMNS, _of_type(application, context, project, parsed_args.type)


class QuotaSet(Lister):
    """Say how much a project may have: a number, -1 for as much as there is, or default for what is configured."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("project", metavar="PROJECT", help="the project, by its id")
        parser.add_argument("--volumes", metavar="N", help="how many volumes")
        parser.add_argument("--gigabytes", metavar="N", help="how many GiB in all of them together")
        parser.add_argument(
            "--type", metavar="NAME", help="of this volume type, within what all types together may have"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        given = {"volumes": parsed_args.volumes, "gigabytes": parsed_args.gigabytes}
        limits = {name: limit_from(f"--{name}", text) for name, text in given.items() if text is not None}
        if not limits:
            raise InvalidRequest("--volumes", "no limit is given; name --volumes, --gigabytes or both")
        with self.application() as application:
            context = self.context()
            for resource, limit in limits.items():
                application.quotas.set(context, parsed_args.project, resource, limit, parsed_args.type)
            return COLUMNS, _of_type(application, context, parsed_args.project, parsed_args.type)
