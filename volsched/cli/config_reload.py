"""`volsched config reload`: the running services of this machine take up the configuration as it is now."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import ANSWER_IS_NO, Lister
from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.service.pidfile import PidFile, PidFiles

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]

PATIENCE_SECONDS = 60.0
LOOK_EVERY = 0.05


class ConfigReload(Lister):
    """Check the configuration, then let the services that run on this machine take it up between two requests.

    Each reads its own files again, checks everything, and goes on as it was where anything is wrong. Exit status: 0 all
    of them have it, 1 one of them has not, 2 the configuration is wrong and no service was asked.
    """

    columns = ("Service", "PID", "Generation", "Reloaded", "Problem", "Until Restart")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=float,
            default=PATIENCE_SECONDS,
            metavar="SECONDS",
            help=f"wait so long for the services to answer (default: {PATIENCE_SECONDS:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        from volsched.loader import Catalog, LoadProblems, examine
        from volsched.service.pidfile import PidFiles, send

        if not parsed_args.timeout >= 0:
            raise InvalidRequest("--timeout", f"{parsed_args.timeout:g} is no number of seconds; it is 0 or more")
        conf = self.configuration()
        plugins, problems = examine(conf, Catalog.discover())
        if plugins is None:
            raise LoadProblems((problem for problem in problems if problem.fatal), "no service was asked to reload")
        self._state_path = conf.paths.state_path
        records = PidFiles(self._state_path)
        running = list(records.alive())
        heard = {head for head in {record.head for record in running} if send(head, signal.SIGHUP)}
        asked = [record for record in running if record.head in heard]
        until = time.monotonic() + parsed_args.timeout
        rows = [_row(record, _answer(records, record, until)) for record in asked]
        if not rows or not all(row[3] for row in rows):
            self.exit_status = ANSWER_IS_NO
        return self.columns, rows

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return (
            f"no service that keeps its state in {self._state_path} runs on this machine; "
            "the commands of volsched read the configuration each time"
        )


def _answer(records: PidFiles, asked: PidFile, until: float) -> PidFile | None:
    """What the service says after it reloaded, or refused to; None where it did not answer in time, or ended."""
    pause = threading.Event()
    while True:
        found = records.current(asked)
        if found is None or found.reloads > asked.reloads:
            return found
        if time.monotonic() > until:
            return None
        pause.wait(LOOK_EVERY)


def _row(asked: PidFile, answer: PidFile | None) -> Sequence[Any]:
    if answer is None:
        return asked.program, asked.pid, None, False, "it did not answer in time, or ended: look into its log", ()
    problem, until_restart = answer.problem, list(answer.until_restart)
    return answer.program, answer.pid, answer.generation, problem is None, problem, until_restart
