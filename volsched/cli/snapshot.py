"""`volsched snapshot …`: create, inspect and delete snapshots of volumes."""

from __future__ import annotations

import argparse
from typing import Any

from volsched.cli.command import Fields, Lister, Rows, ShowOne
from volsched.cli.request_commands import Deleting, Requesting, add_all_projects_argument
from volsched.cli.table import moment
from volsched.model.snapshot import Snapshot

COLUMNS = ("ID", "Name", "Status", "Size GiB", "Volume", "Created")


def _fields(snapshot: Snapshot) -> tuple[Any, ...]:
    return (
        snapshot.id,
        snapshot.name,
        snapshot.status.value,
        snapshot.size_gb,
        snapshot.volume_id,
        moment(snapshot.created_at),
    )


class SnapshotCreate(Requesting):
    """Create a snapshot of a volume. It takes as much room as the volume, in the same pool."""

    columns = COLUMNS
    operation = "snapshots.create"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="VOLUME", help="the volume's id or name")
        parser.add_argument("--name", help="a name; if several snapshots have it, use the id")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            creating = api.snapshots.create(parsed_args.volume, name=parsed_args.name)
            snapshot = self.finished(api.snapshots, creating, parsed_args)
            self.check(api, snapshot)
        return COLUMNS, _fields(snapshot)


class SnapshotList(Lister):
    """List snapshots, oldest first."""

    columns = COLUMNS
    operation = "snapshots.list"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--volume", metavar="ID", help="list only those of this volume")
        add_all_projects_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            snapshots = api.snapshots.list(volume=parsed_args.volume, all_projects=parsed_args.all_projects)
        return COLUMNS, [_fields(snapshot) for snapshot in snapshots]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no snapshots yet; to create one: volsched snapshot create VOLUME"


class SnapshotShow(ShowOne):
    """Show a snapshot."""

    columns = COLUMNS
    operation = "snapshots.get"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("snapshot", metavar="ID", help="the snapshot's id or name")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            return COLUMNS, _fields(api.snapshots.get(parsed_args.snapshot))


class SnapshotDelete(Deleting):
    """Delete snapshots. Volumes that were created from them stay."""

    kind = "snapshot"
    operation = "snapshots.delete"
