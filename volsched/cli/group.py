"""`volsched group …`: volumes that live on one backend, which serves every type of the group."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import volume_fields
from volsched.cli.command import ANSWER_IS_NO, Command, Lister, ShowOne
from volsched.cli.progress import Progress
from volsched.cli.table import moment
from volsched.cli.volume import add_wait_argument
from volsched.exceptions import GroupNotFound
from volsched.model.group import Group, GroupStatus

if TYPE_CHECKING:
    from volsched.service.application import Application

COLUMNS = ("ID", "Name", "Status", "Types", "Zone", "Pool", "Created")

Fields = tuple[Sequence[str], Sequence[Any]]


def _fields(application: Application, group: Group) -> tuple[Any, ...]:
    names = volume_fields.type_names(application)
    return (
        group.id,
        group.name,
        group.status.value,
        [names.get(type_id, type_id) for type_id in group.volume_type_ids],
        group.availability_zone,
        group.host,
        moment(group.created_at),
    )


class GroupCreate(ShowOne):
    """Make a group: the scheduler finds a backend that serves every type of it.

    Volumes are put into it with `volume create --group`; they all live on that backend.
    """

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="it need not be unique, but then only the id finds the group")
        parser.add_argument(
            "--type",
            required=True,
            action="append",
            metavar="NAME",
            dest="types",
            help="a type that its volumes may have, by name or id; repeatable. The first one's pools are preferred",
        )
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone; without it, any will do")
        add_wait_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            asked = application.groups.create(
                self.context(), types=parsed_args.types, name=parsed_args.name, zone=parsed_args.zone
            )
            made: Group | None = asked
            if parsed_args.wait:
                with Progress(self.app.stderr) as progress:
                    settled = application.settle_group(asked.id, progress=progress)
                made = application.groups.shown(self.context(), settled) if settled is not None else None
            if made is None:
                raise GroupNotFound(asked.id, "somebody deleted it meanwhile")
            if made.status is GroupStatus.ERROR:
                self.exit_status = ANSWER_IS_NO
                why = volume_fields.last_message(application, self.context(), made.id)
                self.say(f"volsched: {why or made.status.value}")
                self.say(f"  see: volsched volume explain {made.id}")
            return COLUMNS, _fields(application, made)


class GroupList(Lister):
    """List groups, oldest first."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--all-projects", action="store_true", help="everybody's, not only this project's")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with self.application() as application:
            found = application.groups.list(self.context(), all_projects=parsed_args.all_projects)
            return COLUMNS, [_fields(application, group) for group in found]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no groups yet; to make one: volsched group create --type TYPE NAME"


class GroupShow(ShowOne):
    """Show a group and the volumes in it."""

    columns = (*COLUMNS, "Volumes")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("group", metavar="ID", help="the group's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            group = application.groups.get(self.context(), parsed_args.group)
            everybody = application.authorizer.allows(self.context(), "volume:list_all_projects")
            seen = application.volumes.list(self.context(), all_projects=everybody)
            volumes = [volume.id for volume in seen if volume.group_id == group.id]
            return self.columns, (*_fields(application, group), volumes)


class GroupDelete(Command):
    """Delete groups that have no volumes."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("groups", metavar="ID", nargs="+", help="the group's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.application() as application:
            named = [application.groups.get(self.context(), it).id for it in parsed_args.groups]
            for group_id in dict.fromkeys(named):
                application.groups.delete(self.context(), group_id)
