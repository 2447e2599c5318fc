"""`volsched type …`: volume types, and their requirements for a pool."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Command, Fields, Lister, Rows, ShowOne, pairs

if TYPE_CHECKING:
    from volsched.model.request import VolumeType

COLUMNS = ("ID", "Name", "Description", "Public", "Extra specs")


def _fields(kind: VolumeType) -> tuple[Any, ...]:
    return kind.id, kind.name, kind.description, kind.is_public, dict(kind.extra_specs)


class TypeCreate(ShowOne):
    """Create a volume type. Its extra specs are the requirements for a pool.

    An extra spec names a capability that pools report (`pool show` lists them): media=ssd,
    volume_backend_name=fast, provisioning:type=thick; or it compares: total_volumes='< 100'.
    """

    columns = COLUMNS
    operation = "types.create"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="the name by which users select it")
        parser.add_argument(
            "--extra-spec",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="a requirement for a pool, such as media=ssd; repeatable",
        )
        parser.add_argument("--description", help="a description for people")
        parser.add_argument("--private", action="store_true", help="let only projects with access use it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            created = api.types.create(
                parsed_args.name,
                pairs("extra_spec", parsed_args.extra_spec),
                description=parsed_args.description,
                is_public=not parsed_args.private,
            )
        return COLUMNS, _fields(created)


class TypeList(Lister):
    """List volume types, by name."""

    columns = COLUMNS
    operation = "types.list"

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            return COLUMNS, [_fields(kind) for kind in api.types.list()]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no volume types yet; to create one: volsched type create fast --extra-spec media=ssd"


class TypeShow(ShowOne):
    """Show a volume type."""

    columns = COLUMNS
    operation = "types.get"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("type", metavar="NAME", help="the type's name or id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            return COLUMNS, _fields(api.types.get(parsed_args.type))


class TypeDelete(Command):
    """Delete volume types. A type that volumes have is not deleted."""

    operation = "types.delete"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("types", metavar="NAME", nargs="+", help="the type's name or id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.api() as api:
            found = [api.types.get(name) for name in parsed_args.types]  # if one is unknown, none is deleted
            for kind in found:
                api.types.delete(str(kind.id))


class _Access(Command):
    """Base class of the commands that change which projects may use a private type."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("type", metavar="NAME", help="the name or id of a private type")
        parser.add_argument("project", metavar="PROJECT", help="the project's id")
        return parser


class TypeAccessAdd(_Access):
    """Let a project use a private volume type."""

    operation = "types.add_project"

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.api() as api:
            api.types.add_project(parsed_args.type, parsed_args.project)


class TypeAccessRemove(_Access):
    """Take the right to use a private volume type from a project. Its volumes keep the type."""

    operation = "types.remove_project"

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.api() as api:
            api.types.remove_project(parsed_args.type, parsed_args.project)


class TypeAccessList(Lister):
    """List the projects that may use a private volume type."""

    columns = ("Project",)
    operation = "types.projects"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("type", metavar="NAME", help="the name or id of a private type")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            return self.columns, [(project,) for project in api.types.projects(parsed_args.type)]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return f"no project has access yet; to grant it: volsched type access add {parsed_args.type} PROJECT"
