"""`volsched pool cordon|uncordon`: close a pool for kinds of operations, and open it again."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from volsched.cli.pool import Fields, OfOnePool
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.model.request import Operation

#: Words of domain.request.Operation, which is slow to import and not wanted for `--help`.
CLOSABLE = ("create", "extend", "migrate", "retype", "manage", "snapshot", "group")


def time_from(text: str, now: datetime) -> datetime:
    """A time in the future, ISO 8601, UTC unless it says otherwise. Raises InvalidRequest."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError as problem:
        raise InvalidRequest("--until", f"{text!r} is no time; write it like 2030-01-31T18:00 (UTC)") from problem
    if given.tzinfo is not None:
        given = given.astimezone(UTC).replace(tzinfo=None)
    if given <= now:
        raise InvalidRequest("--until", f"{text} is over: it is {now:%Y-%m-%dT%H:%M} UTC now")
    return given


def _operations(parser: argparse.ArgumentParser, prefix: str, help_text: str) -> None:
    for operation in CLOSABLE:
        parser.add_argument(
            f"--{prefix}{operation}",
            action="append_const",
            dest="operations",
            const=operation,
            help=help_text.format(operation),
        )


def _named(parsed_args: argparse.Namespace) -> list[Operation]:
    from volsched.model.request import Operation

    return [Operation(word) for word in parsed_args.operations or CLOSABLE]


class PoolCordon(OfOnePool):
    """Close a pool for kinds of operations; for all of them where none is named. What is there stays."""

    rule = "pool:cordon"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _operations(parser, "no-", "close it for: {}")
        parser.add_argument("--reason", metavar="TEXT", required=True, help="why, for whoever looks later")
        parser.add_argument("--until", metavar="TIME", help="when it opens by itself, like 2030-01-31T18:00 (UTC)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        now = datetime.now(UTC).replace(tzinfo=None)
        until = time_from(parsed_args.until, now) if parsed_args.until is not None else None
        with self.working() as application:
            application.backends.cordon(parsed_args.pool, _named(parsed_args), reason=parsed_args.reason, until=until)
            return self.shown(application, parsed_args.pool)


class PoolUncordon(OfOnePool):
    """Open a pool again; for all kinds of operations where none is named."""

    rule = "pool:cordon"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _operations(parser, "", "open it for: {}")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        with self.working() as application:
            application.backends.uncordon(parsed_args.pool, _named(parsed_args))
            return self.shown(application, parsed_args.pool)
