"""Reports and claims in any order, on SQLite."""

from __future__ import annotations

from functools import partial

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests import TestCase
from tests.stores.reports import ReportsMachine


class TestReports(TestCase):
    def test_room_is_never_given_twice_nor_lost(self) -> None:
        run_state_machine_as_test(
            partial(ReportsMachine, ""), settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
        )
