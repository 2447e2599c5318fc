"""`volsched audit`: whether claims, volumes, work and reports fit together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from volsched.cli.command import ANSWER_IS_NO, Lister

COLUMNS = ("Drift", "Of", "Problem", "Fix", "Repaired")


class Audit(Lister):
    """Compare claims, volumes, work, reservations and reports with one another; name each contradiction.

    What is under way is left alone. The exit status is 1 where something is left that does not fit.
    """

    columns = COLUMNS
    rule = "audit:look"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--repair", action="store_true", help="put right what can be, each in a step of its own")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        from volsched.api import audit

        with self.application() as application:
            if parsed_args.repair:
                application.authorizer.check(self.context(), "audit:repair")
            found = list(audit.Audit(application.database).look(repair=parsed_args.repair))
        if not all(drift.repaired for drift in found):
            self.exit_status = ANSWER_IS_NO
        if any(drift.repairable and not drift.repaired for drift in found) and not parsed_args.repair:
            self.say("to put right what can be: volsched audit --repair")
        return COLUMNS, [(drift.check, drift.subject, drift.what, drift.fix, drift.repaired) for drift in found]

    def nothing(self, parsed_args: argparse.Namespace) -> str:
        return "everything fits"
