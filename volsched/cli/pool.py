"""`volsched pool …`: the capacity of pools, their cordons, and plans to drain them."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from volsched.cli.command import FAILED, Command, Fields, Lister, Rows, ShowOne
from volsched.cli.table import bar, marks_for, moment
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.api.pools import Pool
    from volsched.db.backends import Cordon

LISTED = ("Pool", "Zone", "Kind", "State", "Total GiB", "Limit GiB", "Room GiB", "Claimed GiB", "Taken %")
SHOWN = (
    "Pool",
    "Backend",
    "Zone",
    "Kind",
    "State",
    "Total GiB",
    "Free GiB",
    "Provisioned GiB",
    "Reserved %",
    "Over-subscription",
    "Limit GiB",
    "Room GiB",
    "Claimed GiB",
    "Taken %",
    "Cordons",
    "Capabilities",
    "Last report",
)
BAR = "Taken"
BAR_WIDTH = 16
#: The values of volsched.api.pools.CORDON_OPERATIONS, whose import would slow `volsched --help` down.
CORDON_OPERATIONS = ("create", "extend", "manage", "migrate", "retype", "snapshot", "group")


def state(pool: Pool) -> str:
    """Return whether a pool accepts operations."""
    if not pool.record.present:
        return "down" if pool.problem else "not reported"
    cordoned = pool.cordoned_for
    return f"closed for {', '.join(cordoned)}" if cordoned else "open"


def taken_percent(pool: Pool) -> float | None:
    """Return the part of a pool's limit that is taken, in percent."""
    limit, taken = pool.limit_gb, pool.taken_gb
    return round(100 * taken / limit, 1) if limit and taken is not None else None


def _cordon(cordon: Cordon) -> str:
    reason = f": {cordon.reason}" if cordon.reason else ""
    until = f" (until {moment(cordon.until)})" if cordon.until is not None else ""
    return f"{cordon.operation.value}{reason}{until}"


def fields(pool: Pool) -> dict[str, Any]:
    """Return the values of a pool by column."""
    record = pool.record
    return {
        "Pool": pool.id,
        "Backend": record.backend_id,
        "Zone": pool.zone,
        "Kind": "thin" if record.thin else "thick",
        "State": state(pool),
        "Total GiB": record.total_gb,
        "Free GiB": record.free_gb,
        "Provisioned GiB": record.provisioned_gb,
        "Reserved %": record.reserved_percentage,
        "Over-subscription": record.max_over_subscription_ratio if record.thin else None,
        "Limit GiB": pool.limit_gb,
        "Room GiB": pool.room_gb,
        "Claimed GiB": round(record.pending_gb, 2),
        "Taken %": taken_percent(pool),
        "Cordons": [_cordon(cordon) for cordon in record.cordons],
        "Capabilities": dict(pool.capabilities),
        "Last report": moment(record.reported_at),
    }


def shown(pool: Pool) -> Fields:
    """Return the fields of a pool."""
    known = fields(pool)
    return SHOWN, tuple(known[name] for name in SHOWN)


def time_from(text: str) -> datetime:
    """Return an ISO 8601 time. Raises InvalidRequest."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as problem:
        raise InvalidRequest("--until", f"expected a time such as 2030-01-31T18:00 (UTC), got {text!r}") from problem


class PoolList(Lister):
    """List pools with their room.

    Limit: the largest sum of volume sizes. Room: the largest volume that fits now. Claimed: the room taken since the
    pool's last report.
    """

    columns = LISTED
    operation = "pools.list"

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            known = [fields(pool) for pool in api.pools.list()]
        rows = [tuple(values[name] for name in LISTED) for values in known]
        if parsed_args.formatter != "table" or parsed_args.columns:
            return LISTED, rows
        marks = marks_for(self.app.stdout)
        drawn = [bar(values["Taken %"] or 0.0, 100.0, marks, width=BAR_WIDTH) for values in known]
        return (*LISTED, BAR), [(*row, taken) for row, taken in zip(rows, drawn, strict=True)]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no pools yet: no backend has reported"


class _OnePool(ShowOne):
    """A command about one pool."""

    columns = SHOWN

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_pool_argument(parser)
        return parser


def _add_pool_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pool", metavar="POOL", help="host@backend#pool, as `pool list` shows it")


def _add_operation_arguments(parser: argparse.ArgumentParser, prefix: str, help_text: str) -> None:
    for operation in CORDON_OPERATIONS:
        parser.add_argument(
            f"--{prefix}{operation}",
            action="append_const",
            dest="operations",
            const=operation,
            help=help_text.format(operation),
        )


class PoolShow(_OnePool):
    """Show a pool and its capabilities."""

    operation = "pools.get"

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            return shown(api.pools.get(parsed_args.pool))


class PoolCordon(_OnePool):
    """Refuse operations in a pool; all of them unless some are named. Its volumes stay."""

    operation = "pools.cordon"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_operation_arguments(parser, "no-", "refuse: {}")
        parser.add_argument("--reason", metavar="TEXT", required=True, help="the reason, shown to other operators")
        parser.add_argument("--until", metavar="TIME", help="when the cordon ends, such as 2030-01-31T18:00 (UTC)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        until = time_from(parsed_args.until) if parsed_args.until is not None else None
        operations = parsed_args.operations or CORDON_OPERATIONS
        with self.api() as api:
            return shown(api.pools.cordon(parsed_args.pool, operations, reason=parsed_args.reason, until=until))


class PoolUncordon(_OnePool):
    """Accept operations in a cordoned pool again; all of them unless some are named."""

    operation = "pools.uncordon"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_operation_arguments(parser, "", "accept: {}")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.api() as api:
            return shown(api.pools.uncordon(parsed_args.pool, parsed_args.operations or CORDON_OPERATIONS))


class PoolAdopt(Command):
    """Accept the storage that a pool has now, after its disk was replaced: its marker is stored, or written.

    A pool is down while its storage has another marker than the database, or none: its disk may not be mounted. This
    command accepts what is there. Volumes that are not on it are lost: `volsched audit` lists them.
    """

    operation = "pools.adopt"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_pool_argument(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.api() as api:
            api.pools.adopt(parsed_args.pool)
        self.say(f"the storage of {parsed_args.pool} is accepted with the next report of its agent")


class PoolDrain(Lister):
    """Show where each volume of a pool would move, each placed as if those before it had moved. Nothing is moved.

    The exit status is 1 if no pool is found for some volume.
    """

    columns = ("Volume", "Name", "Size GiB", "To", "Because")
    operation = "pools.plan_drain"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        _add_pool_argument(parser)
        parser.add_argument("--plan", action="store_true", help="required: this command moves nothing")
        parser.add_argument("--any-zone", action="store_true", help="allow volumes to leave their availability zone")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        if not parsed_args.plan:
            raise InvalidRequest(
                "--plan",
                "is missing: drain moves nothing. To drain a pool, cordon it (volsched pool cordon POOL --reason "
                "TEXT), then move its volumes: volsched volume migrate ID POOL",
            )
        with self.api() as api:
            moves = api.pools.plan_drain(parsed_args.pool, any_zone=parsed_args.any_zone)
        stuck = [move for move in moves if move.pool_id is None]
        if stuck:
            self.exit_status = FAILED
            self.say(f"no pool was found for {len(stuck)} of {len(moves)} volumes")
        return self.columns, [
            (move.volume.id, move.volume.name, move.volume.size_gb, move.pool_id, move.reason or None) for move in moves
        ]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return f"no volumes are in {parsed_args.pool}"
