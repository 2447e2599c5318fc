"""`volsched health`: the liveness and readiness of the services on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import FAILED, Lister, Rows
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.service.pidfile import PidFile

TIMEOUT_SECONDS = 3.0
NOT_MONITORED = "unknown: [monitoring] enabled is off; set it, and restart the service"


class Health(Lister):
    """Show whether the services that run on this machine are alive and ready.

    Exit status: 0 all of them are, 1 one of them is not or is not monitored, or none runs.
    """

    columns = ("Service", "PID", "Address", "Live", "Ready", "Reasons")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=float,
            default=TIMEOUT_SECONDS,
            metavar="SECONDS",
            help=f"the longest time to wait for each service (default: {TIMEOUT_SECONDS:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.service.pidfile import PidFiles

        if not parsed_args.timeout > 0:
            raise InvalidRequest(
                "--timeout", f"expected a number of seconds greater than 0, got {parsed_args.timeout:g}"
            )
        self._state_path = self.configuration().paths.state_path
        rows = [_row(record, parsed_args.timeout) for record in PidFiles(self._state_path).alive()]
        if not rows or not all(row[3] and row[4] for row in rows):
            self.exit_status = FAILED
        return self.columns, rows

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return f"no service with its state in {self._state_path} runs on this machine"


def _row(record: PidFile, timeout: float) -> Sequence[Any]:
    if record.monitoring is None:
        return record.program, record.pid, None, None, None, [NOT_MONITORED]
    from volsched.service.health import ask

    health = ask(record.monitoring, timeout=timeout)
    return record.program, record.pid, record.monitoring, health.live, health.ready, list(health.reasons)
