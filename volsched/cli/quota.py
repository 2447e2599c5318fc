"""`volsched quota …`: the limits of projects and their usage."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Lister, Rows
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.api.api import Api
    from volsched.model.request import VolumeType

COLUMNS = ("Project", "Type", "Resource", "Limit", "In use", "Reserved")
UNLIMITED = -1
DEFAULT = "default"


def limit_from(field: str, text: str) -> int | None:
    """Return a limit; None: the configured default. Raises InvalidRequest."""
    if text == DEFAULT:
        return None
    try:
        given = int(text)
    except ValueError:
        given = UNLIMITED - 1
    if not UNLIMITED <= given < 1 << 31:
        raise InvalidRequest(field, f"expected a whole number, -1 (unlimited) or {DEFAULT}, got {text!r}")
    return given


def _usage(api: Api, project: str, kind: VolumeType | None) -> list[tuple[Any, ...]]:
    """Return a row for each resource, of one volume type or of all types together."""
    return [
        (
            project,
            kind.name if kind is not None else None,
            each.resource,
            None if each.limit == UNLIMITED else each.limit,
            each.used,
            each.reserved,
        )
        for each in api.quotas.usage(project_id=project, volume_type=kind.id if kind is not None else None)
    ]


def _rows(api: Api, project: str, type_name: str | None) -> Rows:
    """Return the rows of one volume type; without a name, those of all types together and of each limited type."""
    if type_name is not None:
        return COLUMNS, _usage(api, project, api.types.get(type_name))
    rows = _usage(api, project, None)
    for kind in api.types.list():
        of_type = _usage(api, project, kind)
        if any(row[3] is not None for row in of_type):
            rows += of_type
    return COLUMNS, rows


class QuotaShow(Lister):
    """Show the limits, the usage and the reservations of a project. No limit: unlimited."""

    columns = COLUMNS
    operation = "quotas.usage"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("project", metavar="PROJECT", nargs="?", help="the project's id (default: your own)")
        parser.add_argument("--type", metavar="NAME", help="show only this volume type")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        project = parsed_args.project or self.context()["project_id"]
        with self.api() as api:
            return _rows(api, project, parsed_args.type)


class QuotaSet(Lister):
    """Set the limits of a project: a number, -1 for unlimited, or `default` for the configured limit."""

    columns = COLUMNS
    operation = "quotas.set"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("project", metavar="PROJECT", help="the project's id")
        parser.add_argument("--volumes", metavar="N", help="the number of volumes")
        parser.add_argument("--gigabytes", metavar="N", help="the sum of their sizes in GiB")
        parser.add_argument(
            "--type", metavar="NAME", help="limit only this volume type, within the limit of all types together"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        given = {"volumes": parsed_args.volumes, "gigabytes": parsed_args.gigabytes}
        limits = {name: limit_from(f"--{name}", text) for name, text in given.items() if text is not None}
        if not limits:
            raise InvalidRequest("--volumes", "expected a limit: --volumes, --gigabytes or both")
        with self.api() as api:
            for resource, limit in limits.items():
                api.quotas.set(parsed_args.project, resource, limit, volume_type=parsed_args.type)
            return _rows(api, parsed_args.project, parsed_args.type)
