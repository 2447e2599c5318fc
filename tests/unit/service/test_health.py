"""Checks, told with the time since when they are so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests import TestCase
from volsched.service.health import Check, Health, Status

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class TestHealth(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = NOON
        self.health = Health(lambda: self.now)

    def test_the_worst_counts_and_a_warning_is_no_failure(self) -> None:
        fine, warning, failed = Check("a"), Check("b", Status.WARNING, "hm"), Check("c", Status.FAILED, "oh")
        for checks, well, status in (
            ((), True, "ok"),
            ((fine,), True, "ok"),
            ((warning, fine), True, "warning"),
            ((fine, failed, warning), False, "failed"),
        ):
            with self.subTest(checks=checks):
                told, body = self.health.told(checks)
                self.assertEqual((well, status), (told, body["status"]))
        self.assertEqual("oh", body["checks"]["c"]["reason"])

    def test_since_when(self) -> None:
        def since(status: Status, reason: str = "") -> str:
            _, body = self.health.told([Check("a", status, reason)])
            self.now += timedelta(minutes=1)
            return str(body["checks"]["a"]["since"])

        self.assertEqual("2026-11-23T12:00:00+00:00", since(Status.OK))
        self.assertEqual("2026-11-23T12:00:00+00:00", since(Status.OK))
        self.assertEqual("2026-11-23T12:02:00+00:00", since(Status.FAILED, "1 of 3"))
        self.assertEqual("2026-11-23T12:02:00+00:00", since(Status.FAILED, "2 of 3"), "for the same, told otherwise")
        self.assertEqual("2026-11-23T12:04:00+00:00", since(Status.OK))
