"""`volsched group …`: groups of volumes on one backend, which fits every type of the group."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from volsched.cli.command import Fields, Lister, Rows, ShowOne
from volsched.cli.request_commands import Deleting, Requesting, add_all_projects_argument, failed
from volsched.cli.table import moment
from volsched.cli.volume import type_names
from volsched.model.group import Group

if TYPE_CHECKING:
    from volsched.api.api import Api

COLUMNS = ("ID", "Name", "Status", "Types", "Zone", "Pool", "Created")


def _fields(api: Api, group: Group) -> tuple[Any, ...]:
    names = type_names(api)
    return (
        group.id,
        group.name,
        group.status.value,
        [names.get(type_id, type_id) for type_id in group.volume_type_ids],
        group.availability_zone,
        group.host,
        moment(group.created_at),
    )


class GroupCreate(Requesting):
    """Create a group: the scheduler chooses a backend that fits every type of it.

    `volume create --group` adds volumes to it; all of them are on that backend.
    """

    columns = COLUMNS
    operation = "groups.create"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="a name; if several groups have it, use the id")
        parser.add_argument(
            "--type",
            required=True,
            action="append",
            metavar="NAME",
            dest="types",
            help="a type that its volumes may have, by name or id; repeatable. The pools of the first are preferred",
        )
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone (default: any)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            creating = api.groups.create(parsed_args.types, name=parsed_args.name, zone=parsed_args.zone)
            group = self.finished(api.groups, creating, parsed_args)
            self.check(api, group)
            if failed(group):
                self.say(f"  see: volsched volume explain {group.id}")
            return COLUMNS, _fields(api, group)


class GroupList(Lister):
    """List groups, oldest first."""

    columns = COLUMNS
    operation = "groups.list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_all_projects_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            groups = api.groups.list(all_projects=parsed_args.all_projects)
            return COLUMNS, [_fields(api, group) for group in groups]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no groups yet; to create one: volsched group create --type TYPE NAME"


class GroupShow(ShowOne):
    """Show a group and its volumes."""

    columns = (*COLUMNS, "Volumes")
    operation = "groups.get"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("group", metavar="ID", help="the group's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            group = api.groups.get(parsed_args.group)
            volumes = [volume.id for volume in api.groups.volumes(group)]
            return self.columns, (*_fields(api, group), volumes)


class GroupDelete(Deleting):
    """Delete groups that have no volumes."""

    kind = "group"
    operation = "groups.delete"
