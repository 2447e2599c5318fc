from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tests import TestCase
from tests.unit.api.test_pools import THIN
from volsched.api.pools import CORDON_OPERATIONS, Pool
from volsched.cli import pool
from volsched.db.backends import Cordon, PoolRecord
from volsched.exceptions import InvalidRequest
from volsched.model.request import Operation


def of(record: PoolRecord) -> Pool:
    return Pool(record=record, zone="east")


class TestFields(TestCase):
    def test_states_are_open_not_reported_and_closed(self) -> None:
        cordons = (Cordon(operation=Operation.CREATE), Cordon(operation=Operation.EXTEND))
        cases = {
            "open": THIN,
            "not reported": replace(THIN, present=False),
            "closed for create, extend": replace(THIN, cordons=cordons),
        }
        for text, record in cases.items():
            with self.subTest(text):
                self.assertEqual(text, pool.state(of(record)))

    def test_the_taken_part_of_an_unbounded_pool_is_absent(self) -> None:
        self.assertEqual(55.6, pool.fields(of(THIN))["Taken %"])
        self.assertIsNone(pool.fields(of(replace(THIN, total_gb=None)))["Taken %"])


class TestCordonArguments(TestCase):
    def test_the_operations_are_those_of_the_api(self) -> None:
        self.assertEqual({operation.value for operation in CORDON_OPERATIONS}, set(pool.CORDON_OPERATIONS))

    def test_an_invalid_time_is_refused_with_an_example(self) -> None:
        self.assertEqual(datetime(2026, 5, 1, 18), pool.time_from("2026-05-01T18:00"))
        with self.assertRaisesRegex(InvalidRequest, "--until: expected a time such as 2030-01-31T18:00"):
            pool.time_from("soon")
