"""`volsched volume retype|migrate`: give a volume another type, or another place."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli import volume_fields
from volsched.cli.volume import Changing, check_pool
from volsched.exceptions import VolumeNotFound
from volsched.model.volume import Volume, VolumeStatus
from volsched.model.work import WorkState

if TYPE_CHECKING:
    from volsched.service.application import Application

Fields = tuple[Sequence[str], Sequence[Any]]

NEVER, ON_DEMAND = "never", "on-demand"


class VolumeRetype(Changing):
    """Give a volume another type.

    Where the pool that it is in will not do for the new type, it is refused, or moved: with --migration-policy
    on-demand.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
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
        with self.working() as application:
            asked = application.volumes.retype(
                self.context(),
                parsed_args.volume,
                parsed_args.new_type,
                migration_policy=parsed_args.migration_policy,
            )
            retyped = self.settled(application, asked, parsed_args)
            if retyped is None:
                raise VolumeNotFound(asked.id, "somebody deleted it meanwhile")
            if retyped.status is VolumeStatus.AVAILABLE and retyped.volume_type_id == asked.volume_type_id:
                self.refuse(_why(application, self.context(), retyped))
                if parsed_args.migration_policy == NEVER and self._others(application, retyped):
                    self.say(f"  see which pools would do: volsched volume explain {retyped.id}")
                    self.say(f"  let it move to one of them: --migration-policy {ON_DEMAND}")
            return self.result(application, retyped)

    def _others(self, application: Application, volume: Volume) -> bool:
        """Whether other pools would do, by the last decision."""
        return bool(application.volumes.explain(self.context(), volume.id).get("ranked_count"))


class VolumeMigrate(Changing):
    """Move a volume to another pool. It keeps its id and its type; nobody may use it meanwhile."""

    rule = "volume:migrate"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("volume", metavar="ID", help="the volume's id or name")
        parser.add_argument(
            "host", metavar="POOL", help="where to: host@backend#pool, or host@backend for the best other pool there"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            check_pool(application, parsed_args.host)
            asked = application.volumes.migrate(self.context(), parsed_args.volume, parsed_args.host)
            moved = self.settled(application, asked, parsed_args)
            if moved is None:
                raise VolumeNotFound(asked.id, "somebody deleted it meanwhile")
            if moved.status is VolumeStatus.AVAILABLE and moved.host == asked.host:
                self.refuse(_why(application, self.context(), moved))
            return self.result(application, moved)


def _why(application: Application, context: Any, volume: Volume) -> str:
    """What went wrong last, as the operator reads it; others read what the volume's owner was told."""
    if not application.authorizer.detailed(context):
        return volume_fields.last_message(application, context, volume.id) or volume_fields.stays(volume)
    problems = [work.problem for work in application.work.of(volume.id) if work.state is WorkState.FAILED]
    return (problems[-1] if problems else None) or volume_fields.stays(volume)
