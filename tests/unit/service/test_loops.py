"""The loops of the long-running programs: what they outlive, and what ends them."""

from __future__ import annotations

from tests import TestCase
from volsched.exceptions import DatabaseUnavailable, VolschedError
from volsched.service.loops import guarded


class TestGuarded(TestCase):
    def test_a_database_that_is_away_is_told_and_outlived(self) -> None:
        def step() -> None:
            raise DatabaseUnavailable("gone")

        with self.assertLogs("volsched.service.loops", "ERROR") as seen:
            self.assertIsNone(guarded(step))
        self.assertIn("gone; trying again", seen.output[0])

    def test_what_a_step_answers_is_passed_on(self) -> None:
        self.assertIs(True, guarded(lambda: True))

    def test_anything_else_ends_the_program(self) -> None:
        def step() -> None:
            raise VolschedError("broken")

        with self.assertRaises(VolschedError):
            guarded(step)
