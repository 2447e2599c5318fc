"""Retry records."""

from __future__ import annotations

from tests import TestCase
from volsched.exceptions import NoValidBackend
from volsched.model.parsing import next_retry, plain_retry, retry_from
from volsched.model.request import Retry


class TestNextRetry(TestCase):
    def test_the_first_attempt_starts_a_record(self) -> None:
        self.assertEqual(Retry(num_attempts=1), next_retry(None, 3, "volume v"))

    def test_a_limit_of_one_turns_rescheduling_off(self) -> None:
        self.assertIsNone(next_retry(None, 1, "volume v"))
        self.assertIsNone(next_retry(Retry(num_attempts=7), 1, "volume v"))

    def test_another_attempt_keeps_what_was_tried_and_drops_the_error(self) -> None:
        before = Retry(num_attempts=1, backends=("h@b#p",), hosts=("h@b#p",), exc="boom")
        self.assertEqual(
            Retry(num_attempts=2, backends=("h@b#p",), hosts=("h@b#p",)), next_retry(before, 3, "volume v")
        )

    def test_one_attempt_too_many_says_for_what_and_why(self) -> None:
        """In Cinder the message names the volume `None` if the request is for a group."""
        with self.assertRaisesRegex(NoValidBackend, "all 3 attempts to place group g were used up.*boom"):
            next_retry(Retry(num_attempts=3, exc="boom"), 3, "group g")


class TestRecords(TestCase):
    def test_a_record_survives_the_way_to_the_agent_and_back(self) -> None:
        for record in (Retry(num_attempts=2, backends=("a#b",), hosts=("a#b",)), Retry(num_attempts=1, exc="boom")):
            self.assertEqual(record, retry_from(plain_retry(record)))
        self.assertIsNone(plain_retry(None))

    def test_nothing_and_the_empty_record_are_none(self) -> None:
        for given in (None, {}, [], ""):
            self.assertIsNone(retry_from(given))

    def test_hosts_stand_for_backends_that_are_missing(self) -> None:
        record = retry_from({"num_attempts": 1, "hosts": ["h@b#p"]})
        assert record is not None
        self.assertEqual(("h@b#p",), record.backends)
        empty = retry_from({"num_attempts": 1, "hosts": ["h@b#p"], "backends": []})
        assert empty is not None
        self.assertEqual((), empty.backends)
