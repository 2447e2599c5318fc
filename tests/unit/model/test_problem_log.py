"""Log lines about problems that come again and again."""

from __future__ import annotations

import logging

from sqlalchemy.exc import OperationalError

from tests import TestCase
from volsched.exceptions import DatabaseUnavailable
from volsched.model.problem_log import REPEAT_SECONDS, ProblemLog, description_of, one_line

LOG = logging.getLogger("tests.problem_log")


class TestOneLine(TestCase):
    def test_control_characters_are_escaped_and_line_ends_become_spaces(self) -> None:
        self.assertEqual("503 \\x1b[31mred\\x07 next", one_line("503 \x1b[31mred\x07\r\nnext"))

    def test_long_text_is_cut(self) -> None:
        for length in (600, 10_000):
            line = one_line("x" * length)
            self.assertEqual((500, "…"), (len(line), line[-1]))
        self.assertEqual("x" * 500, one_line("x" * 500))

    def test_database_error_is_described_without_its_statement(self) -> None:
        problem = OperationalError("SELECT secret", {"a": "hidden"}, RuntimeError("1317, interrupted"))
        self.assertEqual("RuntimeError: 1317, interrupted", description_of(problem))


class TestProblemLog(TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.log = ProblemLog(LOG, "work", clock=lambda: self.now)

    def logged(self, *problems: BaseException, level: str = "INFO") -> list[logging.LogRecord]:
        with self.assertLogs(LOG, level) as seen:
            LOG.info("first")
            for problem in problems:
                self.log.failed(problem)
        return seen.records[1:]

    def test_lasting_problem_is_one_line_a_minute_with_a_count(self) -> None:
        away = DatabaseUnavailable("gone")
        self.assertEqual(["work: gone; trying again"], [it.getMessage() for it in self.logged(*[away] * 10)])
        self.now = REPEAT_SECONDS
        self.assertEqual(
            ["work: gone; trying again (10 failures since the last line)"],
            [it.getMessage() for it in self.logged(away)],
        )
        self.assertEqual(11, self.log.failures)

    def test_another_problem_is_logged_at_once(self) -> None:
        lines = self.logged(DatabaseUnavailable("gone"), DatabaseUnavailable("locked"))
        self.assertEqual(2, len(lines))

    def test_only_a_defect_is_logged_with_a_traceback_and_only_once(self) -> None:
        interrupted = OperationalError("SELECT", {}, RuntimeError("1317"))
        self.assertEqual([None, None], [it.exc_info for it in self.logged(DatabaseUnavailable("gone"), interrupted)])
        (defect,) = self.logged(KeyError("x"), KeyError("x"))
        self.assertIsNotNone(defect.exc_info)
        self.now = REPEAT_SECONDS
        (again,) = self.logged(KeyError("x"))
        self.assertIsNone(again.exc_info)

    def test_end_of_the_failures_is_logged_once(self) -> None:
        self.logged(DatabaseUnavailable("gone"))
        with self.assertLogs(LOG, "INFO") as seen:
            self.log.succeeded()
            self.log.succeeded()
        self.assertEqual(["work: works again after 1 failures"], [it.getMessage() for it in seen.records])
        self.assertEqual(1, len(self.logged(DatabaseUnavailable("gone"))))
