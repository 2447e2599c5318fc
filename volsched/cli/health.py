"""`volsched health`: how the running services of this machine are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, Lister
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.service.pidfile import PidFile

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]

PATIENCE_SECONDS = 3.0
SILENT = "it does not say: [monitoring] enabled is off; set it, and restart the service"


class Health(Lister):
    """Ask the services that run on this machine whether they live and are ready.

    Exit status: 0 all of them are, 1 one of them is not, or does not say, or none runs.
    """

    columns = ("Service", "PID", "Address", "Live", "Ready", "Reasons")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=float,
            default=PATIENCE_SECONDS,
            metavar="SECONDS",
            help=f"wait so long for each answer (default: {PATIENCE_SECONDS:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.service.pidfile import PidFiles

        if not parsed_args.timeout > 0:
            raise InvalidRequest("--timeout", f"{parsed_args.timeout:g} is no time to wait; it is more than 0")
        self._state_path = self.configuration().paths.state_path
        rows = [_row(record, parsed_args.timeout) for record in PidFiles(self._state_path).alive()]
        if not rows or not all(row[3] and row[4] for row in rows):
            self.exit_status = ANSWER_IS_NO
        return self.columns, rows

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return f"no service that keeps its state in {self._state_path} runs on this machine"


def _row(record: PidFile, timeout: float) -> Sequence[Any]:
    if record.monitoring is None:
        return record.program, record.pid, None, None, None, [SILENT]
    from volsched.service.health import ask

    health = ask(record.monitoring, timeout=timeout)
    return record.program, record.pid, record.monitoring, health.live, health.ready, list(health.reasons)
