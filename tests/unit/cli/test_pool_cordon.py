from __future__ import annotations

from datetime import datetime

from tests import TestCase
from volsched.cli.pool_cordon import CLOSABLE, time_from
from volsched.exceptions import InvalidRequest
from volsched.model.request import Operation

NOW = datetime(2026, 5, 1, 12, 0)


class TestWords(TestCase):
    def test_everything_that_takes_room_can_be_closed(self) -> None:
        self.assertEqual({*Operation} - {Operation.QUERY}, {Operation(word) for word in CLOSABLE})


class TestTimes(TestCase):
    def test_utc_unless_it_says_otherwise(self) -> None:
        for text in ("2026-05-01T18:00", "2026-05-01T18:00Z", "2026-05-01T20:00+02:00"):
            with self.subTest(text):
                self.assertEqual(datetime(2026, 5, 1, 18), time_from(text, NOW))

    def test_what_is_no_time_or_is_over_is_refused_with_the_mend(self) -> None:
        for text, fix in {"soon": "write it like", "2026-05-01": "is over: it is 2026-05-01T12:00 UTC now"}.items():
            with self.subTest(text), self.assertRaisesRegex(InvalidRequest, fix):
                time_from(text, NOW)
