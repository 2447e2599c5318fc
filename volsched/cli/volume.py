"""`volsched volume …`: make, look at, change and remove volumes, and ask why one is where it is."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import arguments, explanation, volume_fields
from volsched.cli.command import ANSWER_IS_NO, USERS_MISTAKE, Command, Document, Lister, ShowOne
from volsched.cli.progress import Progress
from volsched.cli.table import moment
from volsched.exceptions import DatabaseUnavailable, VolumeNotFound
from volsched.model.volume import Volume, VolumeStatus

if TYPE_CHECKING:
    from volsched.service.application import Application

Fields = tuple[Sequence[str], Sequence[Any]]
Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]

#: What the owner of a volume is told where the request itself was wrong: the exit status is then 2.
BAD_REQUEST = "VS-BAD-REQUEST"


def add_request_arguments(parser: argparse.ArgumentParser) -> None:
    """What describes a volume that is asked for; for `volume create` and `place`."""
    parser.add_argument(
        "--size", metavar="GIB", help="how large: a whole number of GiB; may be left out with --snapshot and --source"
    )
    parser.add_argument("--type", metavar="NAME", dest="volume_type", help="the volume type, by name or id")
    parser.add_argument("--zone", metavar="ZONE", help="the availability zone; without it, any will do")
    parser.add_argument(
        "--hint",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a scheduler hint, e.g. different_host=VOLUME_ID; repeatable",
    )
    parser.add_argument("--snapshot", metavar="ID", help="begin as a copy of this snapshot, in its pool")
    parser.add_argument("--source", metavar="VOLUME", help="begin as a copy of this volume, in its pool")
    parser.add_argument("--group", metavar="ID", help="the group to be in: on the group's backend, of one of its types")
    _add_description_arguments(parser)


def _add_description_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="a name; it need not be unique, but then only the id finds the volume")
    parser.add_argument("--description", help="a text for people")
    parser.add_argument("--metadata", metavar="KEY=VALUE", action="append", default=[], help="repeatable")


def add_wait_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="end when the work is done (the default), or as soon as the request is written down",
    )


def request_from(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of VolumeService.create and dry_run."""
    return {
        "size_gb": parsed_args.size,
        "volume_type": parsed_args.volume_type,
        "zone": parsed_args.zone,
        "hints": arguments.hints(parsed_args.hint),
        "snapshot": parsed_args.snapshot,
        "source": parsed_args.source,
        "group": parsed_args.group,
        **_description_from(parsed_args),
    }


def _description_from(parsed_args: argparse.Namespace) -> dict[str, Any]:
    return {
        "name": parsed_args.name,
        "description": parsed_args.description,
        "metadata": arguments.pairs("metadata", parsed_args.metadata),
    }


class Changing(ShowOne):
    """A command that changes one volume and shows what became of it."""

    columns = volume_fields.SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_wait_argument(parser)
        return parser

    def settled(self, application: Application, volume: Volume, parsed_args: argparse.Namespace) -> Volume | None:
        """The volume when the work is done (or at once, if that was asked for); None where it is gone."""
        return settle(self, application, volume, wait=parsed_args.wait)

    def result(self, application: Application, volume: Volume) -> Fields:
        """The fields; a volume in error is said to be so on stderr, and by the exit status."""
        if volume.status in volume_fields.FAILED:
            self.refuse(volume_fields.last_message(application, self.context(), volume.id) or volume.status.value)
            self.say(f"  see: {volume_fields.fix(volume)}")
        return volume_fields.SHOWN, volume_fields.shown(application, self.context(), volume)

    def refuse(self, why: str) -> None:
        self.exit_status = ANSWER_IS_NO
        self.say(f"volsched: {why}")


def settle(
    command: Command | Lister | ShowOne, application: Application, volume: Volume, *, wait: bool
) -> Volume | None:
    """The volume when nobody works on it any more, with a sign of life meanwhile; None where it is gone.

    Raises DatabaseUnavailable, saying that the request itself is kept: who asked again would ask for another.
    """
    if not wait:
        return volume
    with Progress(command.app.stderr) as progress:
        try:
            settled = application.settle(volume.id, progress=progress)
            return application.volumes.shown(command.context(), settled) if settled is not None else None
        except VolumeNotFound:
            return None
        except DatabaseUnavailable as problem:
            raise DatabaseUnavailable(
                f"volume {volume.id} is {volume.status.value}, and the request is kept: do not ask again, but go on "
                f"with it by volsched volume show {volume.id} --wait; it was interrupted for {_without_advice(problem)}"
            ) from problem


def _without_advice(problem: DatabaseUnavailable) -> str:
    """What is wrong with the database; to try again is no advice any more."""
    return str(problem).partition(";")[0]


class VolumeCreate(Changing):
    """Make a volume: the scheduler chooses a pool for it, the pool's backend makes it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        add_request_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            asked = application.volumes.create(self.context(), **request_from(parsed_args))
            made = self.settled(application, asked, parsed_args)
            if made is None:
                raise VolumeNotFound(asked.id, "somebody deleted it meanwhile")
            return self.result(application, made)


class VolumeList(Lister):
    """List volumes, oldest first."""

    columns = volume_fields.LISTED

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--all-projects", action="store_true", help="everybody's, not only this project's")
        parser.add_argument(
            "--status",
            choices=[status.value for status in VolumeStatus],
            metavar="STATUS",
            help="only those in this status: " + ", ".join(VolumeStatus),
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.application() as application:
            volumes = application.volumes.list(self.context(), all_projects=parsed_args.all_projects)
            wanted = [volume for volume in volumes if parsed_args.status in (None, volume.status.value)]
            self._hint(parsed_args, wanted)
            return volume_fields.LISTED, volume_fields.listed(wanted, volume_fields.type_names(application))

    def _hint(self, parsed_args: argparse.Namespace, volumes: Sequence[Volume]) -> None:
        """A person who looks at a list wonders what becomes of the unfinished ones."""
        unfinished = [volume for volume in volumes if volume.status.in_progress]
        if unfinished and parsed_args.formatter == "table":
            how_many = "1 volume waits" if len(unfinished) == 1 else f"{len(unfinished)} volumes wait"
            self.say(f"{how_many} for work to be done; to see it done: volsched volume show {unfinished[0].id} --wait")

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        if parsed_args.status:
            return f"no volume is in status {parsed_args.status}"
        return "no volumes yet; to make one: volsched volume create --size 1"


class VolumeShow(ShowOne):
    """Show a volume: where it is, and what is wrong with it if something is."""

    columns = volume_fields.SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
        parser.add_argument("--wait", action="store_true", help="not before the work on it is done")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() if parsed_args.wait else self.application() as application:
            volume = application.volumes.get(self.context(), parsed_args.volume)
            now = settle(self, application, volume, wait=parsed_args.wait)
            if now is None:
                raise VolumeNotFound(parsed_args.volume, "it was deleted just now")
            return volume_fields.SHOWN, volume_fields.shown(application, self.context(), now)


class VolumeDelete(Command):
    """Delete volumes and what they hold."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("volumes", metavar="ID", nargs="+", help="the volume's id or name")
        add_wait_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.working() as application:
            context = self.context()
            named = {
                volume.id: volume for volume in (application.volumes.get(context, it) for it in parsed_args.volumes)
            }
            for volume_id in named:
                left = settle(self, application, application.volumes.delete(context, volume_id), wait=parsed_args.wait)
                if left is not None and left.status in volume_fields.FAILED and parsed_args.wait:
                    self._failed(application, left)

    def _failed(self, application: Application, volume: Volume) -> None:
        self.exit_status = ANSWER_IS_NO
        why = volume_fields.last_message(application, self.context(), volume.id) or volume.status.value
        self.say(f"volsched: volume {volume.id} was not deleted: {why}")


class VolumeExtend(Changing):
    """Make a volume larger, where it is."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
        parser.add_argument("--size", required=True, metavar="GIB", help="the new size: a whole number of GiB")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            asked = application.volumes.extend(self.context(), parsed_args.volume, parsed_args.size)
            grown = self.settled(application, asked, parsed_args)
            if grown is None:
                raise VolumeNotFound(asked.id, "somebody deleted it meanwhile")
            if grown.status is VolumeStatus.AVAILABLE and grown.size_gb < int(parsed_args.size):
                why = volume_fields.last_message(application, self.context(), grown.id)
                self.refuse(why or f"volume {grown.id} stays at {grown.size_gb} GiB")
            return self.result(application, grown)


class VolumeManage(Changing):
    """Take something that a backend keeps already under management, as a volume."""

    rule = "volume:manage"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="POOL", help="where it is: host@backend#pool, as `pool list` names it")
        parser.add_argument(
            "source", metavar="SOURCE", help="what it is called there, e.g. the path of a file in the pool"
        )
        parser.add_argument(
            "--id-type", default="source-name", metavar="KEY", help="what SOURCE is; default: source-name"
        )
        parser.add_argument("--type", metavar="NAME", dest="volume_type", help="the volume type, by name or id")
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone that it must be in")
        _add_description_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            check_pool(application, parsed_args.host)
            asked = application.volumes.manage(
                self.context(),
                host=parsed_args.host,
                ref={parsed_args.id_type: parsed_args.source},
                volume_type=parsed_args.volume_type,
                zone=parsed_args.zone,
                **_description_from(parsed_args),
            )
            managed = self.settled(application, asked, parsed_args)
            if managed is None:
                return self._refused(application, asked)
            return self.result(application, managed)

    def _refused(self, application: Application, asked: Volume) -> Fields:
        """The row is removed again; what is left is the message."""
        messages = application.volumes.messages(self.context(), asked.id)
        self.refuse(volume_fields.last_message(application, self.context(), asked.id) or "it was refused")
        if messages and messages[-1].code == BAD_REQUEST:
            self.exit_status = USERS_MISTAKE
        return (), ()


def check_pool(application: Application, host: str) -> None:
    """Raises BackendNotFound or PoolNotFound where a pool is named that is not there."""
    backend, at, _ = host.partition("#")
    if at and "@" in backend:
        application.backends.show(backend)
        application.backends.pool(host)


class VolumeMessages(Lister):
    """Show what a volume's owner was told, oldest first.

    By its id, also about a volume that is gone.
    """

    columns = ("Created", "Code", "Text")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.application() as application:
            messages = application.volumes.messages(self.context(), parsed_args.volume)
            return self.columns, [(moment(message.created_at), message.code, message.text) for message in messages]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return f"there are no messages about {parsed_args.volume}"


class VolumeExplain(Document):
    """Tell why a volume is where it is, or why it is nowhere.

    Each pool, each filter's verdict, each weigher's score, the order. Works for volumes that were refused too, and by
    id for volumes that are gone. `-f json` gives the whole document.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            decision = application.volumes.explain(self.context(), parsed_args.volume)
            about = {"volume": parsed_args.volume, **decision}
            return tuple(about), tuple(about.values())

    def lines(self, document: Mapping[str, Any]) -> list[str]:
        return explanation.explain(document)
