"""`volsched pool drain`: what it would take to empty a pool."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from volsched.cli.command import ANSWER_IS_NO, Lister
from volsched.exceptions import InvalidRequest

COLUMNS = ("Volume", "Name", "Size GiB", "To", "Because")


class PoolDrain(Lister):
    """Tell where each volume of a pool would go, each decided as if those before it had moved. Nothing moves.

    The exit status is 1 where some volume would find no place.
    """

    columns = COLUMNS
    rule = "pool:drain"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("pool", metavar="POOL", help="host@backend#pool, as `pool list` names it")
        parser.add_argument("--plan", action="store_true", help="required: this command only ever plans")
        parser.add_argument("--any-zone", action="store_true", help="volumes may leave the zone that they are in")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        if not parsed_args.plan:
            raise InvalidRequest(
                "--plan",
                "is missing: drain only plans. To empty a pool, close it (volsched pool cordon POOL --reason TEXT), "
                "then move what is there: volsched volume migrate ID POOL",
            )
        from volsched.api.drain import Draining
        from volsched.service.application import utcnow

        with self.working() as application:
            application.backends.pool(parsed_args.pool)
            draining = Draining(application.stores, application.driver, application.pools, utcnow)
            planned = draining.plan(self.context(), parsed_args.pool, any_zone=parsed_args.any_zone)
        stuck = [going for going in planned if going.pool_id is None]
        if stuck:
            self.exit_status = ANSWER_IS_NO
            self.say(f"{len(stuck)} of {len(planned)} volumes would find no place")
        return COLUMNS, [
            (going.volume.id, going.volume.name, going.volume.size_gb, going.pool_id, going.why or None)
            for going in planned
        ]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return f"no volumes are in {parsed_args.pool}"
