"""`volsched audit`: find and repair inconsistencies."""

from __future__ import annotations

import argparse

from volsched.cli.command import FAILED, Lister, Rows


class Audit(Lister):
    """Compare claims, volumes, work, reservations and reports, and show each inconsistency.

    Work in progress is not one. The exit status is 1 if an inconsistency is left.
    """

    columns = ("Inconsistency", "Of", "Problem", "Fix", "Repaired")
    operation = "audit.find"

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--repair", action="store_true", help="repair what can be, each in its own transaction")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        with self.api() as api:
            found = api.audit.repair() if parsed_args.repair else api.audit.find()
        if not all(each.repaired for each in found):
            self.exit_status = FAILED
        if any(each.repairable for each in found) and not parsed_args.repair:
            self.say("to repair what can be: volsched audit --repair")
        return self.columns, [(each.check, each.subject, each.what, each.fix, each.repaired) for each in found]

    def empty_message(self, parsed_args: argparse.Namespace) -> str:
        return "no inconsistencies"
