"""`volsched place --dry-run`: where a volume would go now, and why; nothing is kept."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from volsched.cli import explanation
from volsched.cli.command import ANSWER_IS_NO, Document
from volsched.cli.volume import add_request_arguments, request_from
from volsched.exceptions import InvalidRequest


class Place(Document):
    """Tell where a volume would go now, and why; nothing is kept.

    The exit status is 1 where no pool would take it.
    """

    rule = "volume:dry_run"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--dry-run", action="store_true", help="required: this command only ever asks")
        add_request_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        if not parsed_args.dry_run:
            raise InvalidRequest(
                "--dry-run", "is missing: place only asks. To make a volume: volsched volume create --size GIB"
            )
        with self.working() as application:
            decision = application.volumes.dry_run(self.context(), **request_from(parsed_args))
        if not decision:
            self.exit_status = ANSWER_IS_NO
        document = decision.plain()
        return tuple(document), tuple(document.values())

    def lines(self, document: Mapping[str, Any]) -> list[str]:
        return explanation.explain(document)
