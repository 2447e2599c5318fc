"""`volsched doctor`: everything that is wrong or will be, with its place and its fix."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import DONE, Lister, Rows
from volsched.exceptions import ConfigurationError

if TYPE_CHECKING:
    from volsched.ops.doctor import Finding

WARNINGS, FAILURES = 1, 2
PROGRESS_AFTER_SECONDS = 1.0


class Doctor(Lister):
    """Check plugins, configuration, database, message bus, backends, types, events and work, and show what is wrong.

    Nothing is changed; the selected plugins are started and stopped.
    Exit status: 0 no findings, 1 there are warnings, 2 there are failures.
    """

    columns = ("Severity", "Code", "Where", "Problem", "Fix", "Check")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        self._since = time.monotonic()
        self._checks = 0
        self._findings = self._diagnose()
        fatal = any(finding.problem.fatal for finding in self._findings)
        self.exit_status = FAILURES if fatal else WARNINGS if self._findings else DONE
        return self.columns, [_row(finding) for finding in self._findings]

    def _diagnose(self) -> list[Finding]:
        from volsched.loader import Catalog, Problem
        from volsched.ops.doctor import DoctorContext, Finding, diagnose

        try:
            conf = self.configuration()
        except ConfigurationError as error:
            fix = "correct the file, or name another one"
            unreadable = Problem(code="VS130", where=error.option, what=error.problem, fix=fix)
            return [Finding(check="configuration", problem=unreadable)]
        context = DoctorContext(conf, Catalog.discover())
        try:
            return list(diagnose(context, progress=self._progress))
        finally:
            self._erase_progress()
            context.close()

    def _progress(self, check: str) -> None:
        """Show the current check on a terminal, after a second."""
        self._checks += 1
        if time.monotonic() - self._since > PROGRESS_AFTER_SECONDS and self.app.stderr.isatty():
            self.app.stderr.write(f"\r\033[Kchecking {check}")
            self.app.stderr.flush()

    def _erase_progress(self) -> None:
        if self.app.stderr.isatty():
            self.app.stderr.write("\r\033[K")
            self.app.stderr.flush()

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        problems = [finding.problem for finding in self._findings]
        for heading, fatal in (("Failures", True), ("Warnings", False)):
            chosen = [problem for problem in problems if problem.fatal is fatal]
            if chosen:
                print(f"{heading}:", *chosen, "", sep="\n", file=self.app.stdout)
        failures = sum(problem.fatal for problem in problems)
        warnings = len(problems) - failures
        counts = f"{_count(failures, 'failure')}, {_count(warnings, 'warning')}" if problems else "All is well"
        print(f"{counts} ({self._checks} checks)", file=self.app.stdout)
        return DONE


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'s' * (number != 1)}"


def _row(finding: Finding) -> Sequence[Any]:
    problem = finding.problem
    severity = "failure" if problem.fatal else "warning"
    return severity, problem.code, problem.where, problem.what, problem.fix, finding.check
