"""`volsched volume …` and `volsched place`: create, inspect, change and delete volumes, and explain their placement."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import explanation
from volsched.cli.command import FAILED, USAGE_ERROR, Document, Fields, Lister, Rows, ShowOne, hints, pairs
from volsched.cli.request_commands import (
    Deleting,
    Requesting,
    add_all_projects_argument,
    failed,
    wait_for,
)
from volsched.cli.table import moment
from volsched.exceptions import InvalidRequest, VolumeNotFound
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.volume_request import CreateVolumeRequest

if TYPE_CHECKING:
    from volsched.api.api import Api

LISTED = ("ID", "Name", "Status", "Size GiB", "Type", "Zone", "Pool")
SHOWN = (
    "ID",
    "Name",
    "Description",
    "Status",
    "Reason",
    "Fix",
    "Size GiB",
    "Type",
    "Zone",
    "Pool",
    "Location",
    "Metadata",
    "Project",
    "Created",
    "Updated",
)
NEVER, ON_DEMAND = "never", "on-demand"
#: The code of a message about an invalid request: the exit status is then 2.
BAD_REQUEST = "VS-BAD-REQUEST"


def type_names(api: Api) -> dict[str, str]:
    """Return the name of each volume type by its id."""
    return {kind.id: kind.name for kind in api.types.list() if kind.id and kind.name}


def volume_fields(volume: Volume, types: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a volume by column."""
    type_id = volume.volume_type_id
    return {
        "ID": volume.id,
        "Name": volume.name,
        "Description": volume.description,
        "Status": volume.status.value,
        "Reason": None,
        "Fix": None,
        "Size GiB": volume.size_gb,
        "Type": types.get(type_id, type_id) if type_id else None,
        "Zone": volume.availability_zone,
        "Pool": volume.host,
        "Location": volume.provider_location,
        "Metadata": dict(volume.metadata),
        "Project": volume.project_id,
        "Created": moment(volume.created_at),
        "Updated": moment(volume.updated_at),
    }


def shown(api: Api, volume: Volume) -> Fields:
    """Return the fields of a volume; for one in error, with the reason and a command to begin with."""
    fields = volume_fields(volume, type_names(api))
    if failed(volume):
        fields["Reason"] = api.volumes.failure(volume)
        fields["Fix"] = fix(volume)
    return SHOWN, tuple(fields[name] for name in SHOWN)


def fix(volume: Volume) -> str:
    """Return the command that shows why a volume is in error."""
    if volume.status is VolumeStatus.ERROR and volume.host is None:
        return f"volsched volume explain {volume.id}"
    return f"volsched volume messages {volume.id}"


# -- arguments -------------------------------------------------------------------------------------------------------


def _add_volume_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("volume", metavar="ID", help="the volume's id or name")


def _add_request_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a CreateVolumeRequest."""
    parser.add_argument(
        "--size", metavar="GIB", help="a whole number of GiB (default with --snapshot or --source: the original's)"
    )
    parser.add_argument("--type", metavar="NAME", dest="volume_type", help="the volume type, by name or id")
    parser.add_argument("--zone", metavar="ZONE", help="the availability zone (default: any)")
    parser.add_argument(
        "--hint",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a scheduler hint, such as different_host=VOLUME_ID; repeatable",
    )
    parser.add_argument("--snapshot", metavar="ID", help="create a copy of this snapshot, in its pool")
    parser.add_argument("--source", metavar="VOLUME", help="create a copy of this volume, in its pool")
    parser.add_argument("--group", metavar="ID", help="add the volume to this group, on the group's backend")
    _add_description_arguments(parser)


def _add_description_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="a name; if several volumes have it, use the id")
    parser.add_argument("--description", help="a description for people")
    parser.add_argument("--metadata", metavar="KEY=VALUE", action="append", default=[], help="repeatable")


def request_from(parsed_args: argparse.Namespace) -> CreateVolumeRequest:
    """Return the request that the arguments describe."""
    return CreateVolumeRequest(
        size_gb=parsed_args.size,
        name=parsed_args.name,
        description=parsed_args.description,
        volume_type=parsed_args.volume_type,
        zone=parsed_args.zone,
        metadata=pairs("metadata", parsed_args.metadata),
        hints=hints(parsed_args.hint),
        snapshot=parsed_args.snapshot,
        source=parsed_args.source,
        group=parsed_args.group,
    )


# -- commands --------------------------------------------------------------------------------------------------------


class _Changing(Requesting):
    """A command that changes one volume and shows it."""

    columns = SHOWN

    def result(self, api: Api, volume: Volume) -> Fields:
        """Return the volume's fields; if it is in error, write why."""
        self.check(api, volume)
        if failed(volume):
            self.say(f"  see: {fix(volume)}")
        return shown(api, volume)

    def refused(self, api: Api, volume: Volume) -> None:
        """Write why the request left the volume as it was."""
        self.fail(api.volumes.failure(volume) or f"volume {volume.id} is unchanged")


class VolumeCreate(_Changing):
    """Create a volume: the scheduler chooses its pool, the pool's agent creates it."""

    operation = "volumes.create"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_request_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            created = api.volumes.create(request_from(parsed_args))
            return self.result(api, self.finished(api.volumes, created, parsed_args))


class VolumeList(Lister):
    """List volumes, oldest first."""

    columns = LISTED
    operation = "volumes.list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_all_projects_argument(parser)
        parser.add_argument(
            "--status",
            choices=[status.value for status in VolumeStatus],
            metavar="STATUS",
            help="list only those in this status: " + ", ".join(VolumeStatus),
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            volumes = api.volumes.list(all_projects=parsed_args.all_projects)
            types = type_names(api)
        chosen = [volume for volume in volumes if parsed_args.status in (None, volume.status.value)]
        unfinished = [volume for volume in chosen if volume.status.in_progress]
        if unfinished and parsed_args.formatter == "table":
            count = f"{len(unfinished)} volume{'s have' if len(unfinished) > 1 else ' has'}"
            self.say(f"{count} unfinished work; to wait for it: volsched volume show {unfinished[0].id} --wait")
        fields = [volume_fields(volume, types) for volume in chosen]
        return LISTED, [tuple(each[name] for name in LISTED) for each in fields]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        if parsed_args.status:
            return f"no volume is in status {parsed_args.status}"
        return "no volumes yet; to create one: volsched volume create --size 1"


class VolumeShow(ShowOne):
    """Show a volume; if it is in error, with the reason."""

    columns = SHOWN
    operation = "volumes.get"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        parser.add_argument("--wait", action="store_true", help="return when the work on it is done")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            volume = wait_for(self, api.volumes, api.volumes.get(parsed_args.volume), wait=parsed_args.wait)
            if volume is None:
                raise VolumeNotFound(parsed_args.volume, "it was deleted meanwhile")
            return shown(api, volume)


class VolumeDelete(Deleting):
    """Delete volumes and their data."""

    kind = "volume"
    operation = "volumes.delete"


class VolumeExtend(_Changing):
    """Extend a volume in its pool."""

    operation = "volumes.extend"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        parser.add_argument("--size", required=True, metavar="GIB", help="the new size, a whole number of GiB")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            extending = api.volumes.extend(parsed_args.volume, parsed_args.size)
            volume = self.finished(api.volumes, extending, parsed_args)
            if volume.status is VolumeStatus.AVAILABLE and volume.size_gb < int(parsed_args.size):
                self.refused(api, volume)
            return self.result(api, volume)


class VolumeRetype(_Changing):
    """Change a volume's type.

    If its pool does not fit the new type, the request is refused, or with --migration-policy on-demand, the volume is
    moved to another pool.
    """

    operation = "volumes.retype"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        parser.add_argument(
            "--type", required=True, metavar="NAME", dest="new_type", help="the new type, by name or id"
        )
        parser.add_argument(
            "--migration-policy",
            default=NEVER,
            metavar="POLICY",
            help=f"whether the volume may be moved for it: {NEVER} (the default) or {ON_DEMAND}",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        policy = parsed_args.migration_policy
        with self.api() as api:
            retyping = api.volumes.retype(parsed_args.volume, parsed_args.new_type, migration_policy=policy)
            volume = self.finished(api.volumes, retyping, parsed_args)
            if volume.status is VolumeStatus.AVAILABLE and volume.volume_type_id == retyping.volume_type_id:
                self.refused(api, volume)
                if policy == NEVER and api.volumes.explain(volume).get("ranked_count"):
                    self.say(f"  see which pools fit: volsched volume explain {volume.id}")
                    self.say(f"  let the volume move to one of them: --migration-policy {ON_DEMAND}")
            return self.result(api, volume)


class VolumeMigrate(_Changing):
    """Move a volume to another pool. It keeps its id and its type, and cannot be used meanwhile."""

    operation = "volumes.migrate"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        parser.add_argument(
            "host", metavar="POOL", help="the target: host@backend#pool, or host@backend for its best other pool"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            migrating = api.volumes.migrate(parsed_args.volume, parsed_args.host)
            volume = self.finished(api.volumes, migrating, parsed_args)
            if volume.status is VolumeStatus.AVAILABLE and volume.host == migrating.host:
                self.refused(api, volume)
            return self.result(api, volume)


class VolumeManage(_Changing):
    """Take existing storage of a backend under management, as a volume."""

    operation = "volumes.manage"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="POOL", help="its pool: host@backend#pool, as `pool list` shows it")
        parser.add_argument("source", metavar="SOURCE", help="its name there, such as the path of a file in the pool")
        parser.add_argument(
            "--id-type", default="source-name", metavar="KEY", help="the kind of name (default: source-name)"
        )
        parser.add_argument("--type", metavar="NAME", dest="volume_type", help="the volume type, by name or id")
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone that its pool must be in")
        _add_description_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            managing = api.volumes.manage(
                parsed_args.host,
                {parsed_args.id_type: parsed_args.source},
                name=parsed_args.name,
                description=parsed_args.description,
                volume_type=parsed_args.volume_type,
                zone=parsed_args.zone,
                metadata=pairs("metadata", parsed_args.metadata),
            )
            volume = wait_for(self, api.volumes, managing, wait=parsed_args.wait)
            if volume is not None:
                return self.result(api, volume)
            # A refused request removes the volume's row; its messages stay.
            self.refused(api, managing)
            messages = api.volumes.messages(managing)
            if messages and messages[-1].code == BAD_REQUEST:
                self.exit_status = USAGE_ERROR
            return (), ()


class VolumeMessages(Lister):
    """Show the messages to a volume's owner, oldest first; by its id also those of a deleted volume."""

    columns = ("Created", "Code", "Text")
    operation = "volumes.messages"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            messages = api.volumes.messages(parsed_args.volume)
        return self.columns, [(moment(message.created_at), message.code, message.text) for message in messages]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return f"there are no messages about {parsed_args.volume}"


class VolumeExplain(Document):
    """Explain why a volume is in its pool, or why no pool was found for it.

    Shows each pool with the result of each filter, the score of each weigher, and the order; by its id also for a
    deleted volume. `-f json` shows the whole decision.
    """

    operation = "volumes.explain"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_volume_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            decision = {"volume": parsed_args.volume, **api.volumes.explain(parsed_args.volume)}
        return tuple(decision), tuple(decision.values())

    def lines(self, document: Mapping[str, Any]) -> Sequence[str]:
        return explanation.explain(document)


class Place(Document):
    """Show where a volume would be placed now, and why; nothing is stored.

    The exit status is 1 if no pool fits.
    """

    operation = "volumes.dry_run"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--dry-run", action="store_true", help="required: this command places nothing")
        _add_request_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        if not parsed_args.dry_run:
            raise InvalidRequest(
                "--dry-run", "is missing: place stores nothing. To create a volume: volsched volume create --size GIB"
            )
        with self.api() as api:
            decision = api.volumes.dry_run(request_from(parsed_args))
        if not decision:
            self.exit_status = FAILED
        document = decision.plain()
        return tuple(document), tuple(document.values())

    def lines(self, document: Mapping[str, Any]) -> Sequence[str]:
        return explanation.explain(document)
