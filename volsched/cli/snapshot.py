"""`volsched snapshot …`: what a volume held at one moment, kept in the volume's own pool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import volume_fields
from volsched.cli.command import ANSWER_IS_NO, Command, Lister, ShowOne
from volsched.cli.progress import Progress
from volsched.cli.table import moment
from volsched.cli.volume import add_wait_argument
from volsched.exceptions import SnapshotNotFound
from volsched.model.snapshot import Snapshot, SnapshotStatus

if TYPE_CHECKING:
    from volsched.service.application import Application

COLUMNS = ("ID", "Name", "Status", "Size GiB", "Volume", "Created")
FAILED = (SnapshotStatus.ERROR, SnapshotStatus.ERROR_DELETING)

Fields = tuple[Sequence[str], Sequence[Any]]


def _fields(snapshot: Snapshot) -> tuple[Any, ...]:
    return (
        snapshot.id,
        snapshot.name,
        snapshot.status.value,
        snapshot.size_gb,
        snapshot.volume_id,
        moment(snapshot.created_at),
    )


def _settled(
    command: Command | ShowOne, application: Application, snapshot: Snapshot, *, wait: bool
) -> Snapshot | None:
    if not wait:
        return snapshot
    with Progress(command.app.stderr) as progress:
        return application.settle_snapshot(snapshot.id, progress=progress)


class SnapshotCreate(ShowOne):
    """Keep what a volume holds now. It takes as much room as the volume, in the same pool."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="VOLUME", help="the volume's id or name")
        parser.add_argument("--name", help="a name; it need not be unique, but then only the id finds the snapshot")
        add_wait_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            asked = application.snapshots.create(self.context(), parsed_args.volume, name=parsed_args.name)
            made = _settled(self, application, asked, wait=parsed_args.wait)
            if made is None:
                raise SnapshotNotFound(asked.id, "somebody deleted it meanwhile")
            if made.status in FAILED:
                self.exit_status = ANSWER_IS_NO
                why = volume_fields.last_message(application, self.context(), made.volume_id)
                self.say(f"volsched: {why or made.status.value}")
            return COLUMNS, _fields(made)


class SnapshotList(Lister):
    """List snapshots, oldest first."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--volume", metavar="ID", help="only those of this volume")
        parser.add_argument("--all-projects", action="store_true", help="everybody's, not only this project's")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        with self.application() as application:
            found = application.snapshots.list(
                self.context(), volume=parsed_args.volume, all_projects=parsed_args.all_projects
            )
            return COLUMNS, [_fields(snapshot) for snapshot in found]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "no snapshots yet; to take one: volsched snapshot create VOLUME"


class SnapshotShow(ShowOne):
    """Show a snapshot."""

    columns = COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("snapshot", metavar="ID", help="the snapshot's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.application() as application:
            return COLUMNS, _fields(application.snapshots.get(self.context(), parsed_args.snapshot))


class SnapshotDelete(Command):
    """Delete snapshots. What was made from them stays."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("snapshots", metavar="ID", nargs="+", help="the snapshot's id or name")
        add_wait_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.working() as application:
            context = self.context()
            # An unknown one among them: nothing is deleted.
            named = {
                found.id: found for found in (application.snapshots.get(context, it) for it in parsed_args.snapshots)
            }
            for snapshot_id in named:
                asked = application.snapshots.delete(context, snapshot_id)
                left = _settled(self, application, asked, wait=parsed_args.wait)
                if left is not None and left.status in FAILED:
                    self.exit_status = ANSWER_IS_NO
                    why = volume_fields.last_message(application, context, left.volume_id)
                    self.say(f"volsched: snapshot {left.id} was not deleted: {why or left.status.value}")
