"""The comparison of the two test runners."""

from __future__ import annotations

from tests import TestCase
from tools.summarise_runs import counted, disagreements

PASSED, FAILED, SKIPPED = ("passed", ""), ("failed", ""), ("skipped", "no server")


class TestDisagreements(TestCase):
    def test_tests_outside_the_repeated_paths_are_not_expected_under_pytest(self) -> None:
        under_stestr = {"tests.unit.test_a.A.test_one": PASSED, "tests.functional.test_b.B.test_two": PASSED}
        under_pytest = {"tests.unit.test_a.A.test_one": PASSED}
        self.assertEqual([], disagreements(under_stestr, under_pytest, ["tests.unit"]))

    def test_a_test_that_pytest_did_not_run_is_named(self) -> None:
        under_stestr = {"tests.unit.test_a.A.test_one": PASSED}
        self.assertEqual(
            ["tests.unit.test_a.A.test_one: passed under stestr, absent under pytest"],
            disagreements(under_stestr, {}, ["tests.unit"]),
        )

    def test_a_test_that_stestr_did_not_run_is_named(self) -> None:
        self.assertEqual(
            ["tests.unit.test_a.A.test_one: absent under stestr, passed under pytest"],
            disagreements({}, {"tests.unit.test_a.A.test_one": PASSED}, ["tests.unit"]),
        )

    def test_different_outcomes_are_named(self) -> None:
        name = "tests.unit.test_a.A.test_one"
        self.assertEqual(
            [f"{name}: skipped under stestr, failed under pytest"],
            disagreements({name: SKIPPED}, {name: FAILED}, ["tests"]),
        )

    def test_outcomes_are_counted(self) -> None:
        self.assertEqual(
            "1 passed, 1 failed, 1 skipped",
            counted({"a": PASSED, "b": FAILED, "c": SKIPPED}),
        )
