"""`volsched doctor`: everything that is wrong, or will be, with its place and its fix."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from volsched.cli.command import DONE, Lister
from volsched.exceptions import ConfigurationError

if TYPE_CHECKING:
    from volsched.ops.doctor import Finding

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]

WELL, WARNINGS, FAILURES = 0, 1, 2
PATIENCE_SECONDS = 1.0


class Doctor(Lister):
    """Look at everything: plugins, configuration, database, bus, backends, types, events, work; tell what is wrong.

    Nothing is changed; the selected plugins are started and stopped.
    Exit status: 0 all is well, 1 there are warnings, 2 there are failures.
    """

    columns = ("Severity", "Code", "Where", "Problem", "Fix", "Check")

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        self._since = time.monotonic()
        self._checks = 0
        self._findings = self._look()
        bad = any(finding.problem.fatal for finding in self._findings)
        self.exit_status = FAILURES if bad else WARNINGS if self._findings else WELL
        return self.columns, [_row(finding) for finding in self._findings]

    def _look(self) -> list[Finding]:
        from volsched.loader import Catalog, Problem
        from volsched.ops.doctor import DoctorContext, Finding, diagnose

        try:
            conf = self.configuration()
        except ConfigurationError as error:
            fix = "correct the file, or name another one"
            unread = Problem(code="VS130", where=error.option, what=error.problem, fix=fix)
            return [Finding(check="configuration", problem=unread)]
        scene = DoctorContext(conf, Catalog.discover())
        try:
            return list(diagnose(scene, progress=self._progress))
        finally:
            self._tidy()
            scene.close()

    def _progress(self, check: str) -> None:
        """What is looked at, for a person who has waited for a while."""
        self._checks += 1
        if time.monotonic() - self._since > PATIENCE_SECONDS and self.app.stderr.isatty():
            self.app.stderr.write(f"\r\033[Klooking at {check}")
            self.app.stderr.flush()

    def _tidy(self) -> None:
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
        bad = sum(problem.fatal for problem in problems)
        odd = len(problems) - bad
        counts = f"{_count(bad, 'failure')}, {_count(odd, 'warning')}" if problems else "All is well"
        print(f"{counts} ({self._checks} checks)", file=self.app.stdout)
        return DONE


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' * (number != 1)}"


def _row(finding: Finding) -> Sequence[Any]:
    problem = finding.problem
    severity = "failure" if problem.fatal else "warning"
    return severity, problem.code, problem.where, problem.what, problem.fix, finding.check
