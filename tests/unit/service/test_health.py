"""Checks, and the time since when they have their status."""

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

    def test_worst_status_counts_and_a_warning_is_not_a_failure(self) -> None:
        fine, warning, failed = Check("a"), Check("b", Status.WARNING, "hm"), Check("c", Status.FAILED, "oh")
        for checks, well, status in (
            ((), True, "ok"),
            ((fine,), True, "ok"),
            ((warning, fine), True, "warning"),
            ((fine, failed, warning), False, "failed"),
        ):
            with self.subTest(checks=checks):
                healthy, body = self.health.record(checks)
                self.assertEqual((well, status), (healthy, body["status"]))
        self.assertEqual("oh", body["checks"]["c"]["reason"])

    def test_since_is_the_time_of_the_last_change_of_status(self) -> None:
        def since(status: Status, reason: str = "") -> str:
            _, body = self.health.record([Check("a", status, reason)])
            self.now += timedelta(minutes=1)
            return str(body["checks"]["a"]["since"])

        self.assertEqual("2026-11-23T12:00:00+00:00", since(Status.OK))
        self.assertEqual("2026-11-23T12:00:00+00:00", since(Status.OK))
        self.assertEqual("2026-11-23T12:02:00+00:00", since(Status.FAILED, "1 of 3"))
        self.assertEqual(
            "2026-11-23T12:02:00+00:00", since(Status.FAILED, "2 of 3"), "another reason is not another status"
        )
        self.assertEqual("2026-11-23T12:04:00+00:00", since(Status.OK))
