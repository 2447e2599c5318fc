"""`volsched type …`: the kinds of volumes on offer, and what each asks of a pool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import arguments
from volsched.cli.command import Command, Lister, ShowOne

if TYPE_CHECKING:
    from volsched.model.request import VolumeType

COLUMNS = ("ID", "Name", "Description", "Public", "Extra specs")

Fields = tuple[Sequence[str], Sequence[Any]]


def _fields(kind: VolumeType, *, detailed: bool = True) -> tuple[Any, ...]:
    """`detailed`: with what it asks of a pool."""
    return kind.id, kind.name, kind.description, kind.is_public, dict(kind.extra_specs) if detailed else None


class TypeCreate(ShowOne):
    """Offer a kind of volume. Its extra specs are what a pool must be able to do.

    An extra spec names a capability that pools report (`pool show` lists them): media=ssd,
    volume_backend_name=fast, provisioning:type=thick; or a comparison: total_volumes='< 100'.
    """

    columns = COLUMNS
    rule = "type:create"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="what users ask for")
        parser.add_argument(
            "--extra-spec",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="what a pool must have, e.g. media=ssd; repeatable",
        )
        parser.add_argument("--description", help="a text for people")
        parser.add_argument("--private", action="store_true", help="not for every project")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        from volsched.languages.extra_specs import path_of, requirement_from

        extra_specs = arguments.pairs("extra_spec", parsed_args.extra_spec)
        for key, value in extra_specs.items():
            if path_of(key) is not None:
                requirement_from(value, key)
        with self.application() as application:
            made = application.types.create(
                parsed_args.name,
                extra_specs,
                description=parsed_args.description,
                is_public=not parsed_args.private,
            )
        return COLUMNS, _fields(made)


class TypeList(Lister):
    """List the kinds of volumes on offer, by name."""

    columns = COLUMNS
    rule = "type:list"

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with self.application() as application:
            detailed = application.authorizer.allows(self.context(), "type:extra_specs")
            return COLUMNS, [_fields(kind, detailed=detailed) for kind in application.types.list()]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no volume types yet; to make one: volsched type create fast --extra-spec media=ssd"


class TypeShow(ShowOne):
    """Show a kind of volume."""

    columns = COLUMNS
    rule = "type:list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("type", metavar="NAME", help="the type's name or id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            detailed = application.authorizer.allows(self.context(), "type:extra_specs")
            return COLUMNS, _fields(application.types.find(parsed_args.type), detailed=detailed)


class TypeDelete(Command):
    """Withdraw kinds of volumes. One that volumes have stays."""

    rule = "type:delete"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("types", metavar="NAME", nargs="+", help="the type's name or id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.application() as application:
            for name in parsed_args.types:
                application.types.find(name)  # an unknown one among them: nothing is deleted
            for name in parsed_args.types:
                application.types.delete(name)
