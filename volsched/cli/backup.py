"""`volsched backup place`: which backup service would do it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from volsched.cli.command import ANSWER_IS_NO, ShowOne
from volsched.exceptions import ServiceNotFound


class BackupPlace(ShowOne):
    """Tell which host's backup service would take a backup now; nothing is kept.

    Of several that work, which one follows from the volume. The exit status is 1 where there is none.
    """

    columns = ("Host", "Volume", "Zone", "Driver")
    rule = "backup:place"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--volume", metavar="ID", help="the volume to be backed up; its zone counts, unless --zone")
        parser.add_argument("--zone", metavar="ZONE", help="the availability zone of the service")
        parser.add_argument("--driver", metavar="NAME", help="the driver that the service must have, as it reports it")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        asked = {"volume": parsed_args.volume, "zone": parsed_args.zone, "driver": parsed_args.driver}
        with self.application() as application:
            try:
                host = application.volumes.backup_host(self.context(), **asked)
            except ServiceNotFound as problem:
                self.exit_status = ANSWER_IS_NO
                self.say(f"volsched: {problem}")
                return (), ()
        return self.columns, (host, *asked.values())
