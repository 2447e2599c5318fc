"""Checks of what a service depends on."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from tests.stores.world import OnSQLite, reported
from volsched.model.report import ServiceState
from volsched.service import dependency_checks
from volsched.service.application import Application
from volsched.service.dependency_checks import DependencyChecks, backend_checks, bus_check, delivery_check
from volsched.service.health import Status


def an_application(
    url: str, *, pools: int = 1, bus: str = "", problems: tuple[tuple[str, str], ...] = ()
) -> Application:
    """Return the part of an application that is checked."""
    conf = SimpleNamespace(
        database=SimpleNamespace(connection=url),
        scheduler=SimpleNamespace(service_down_time=60),
        messaging=SimpleNamespace(transport_url=bus),
    )
    snapshot = SimpleNamespace(pools=[object()] * pools)
    made = SimpleNamespace(
        conf=conf,
        embedded=not bus,
        pools=SimpleNamespace(table=lambda: snapshot, set_aside=lambda: [("h@b#x", "no figures")]),
        agent=SimpleNamespace(backend_ids=("h@b", "h@c"), problems=problems),
    )
    return cast("Application", cast("Any", made))


class TestDependencyChecks(OnSQLite):
    def checked_once(self, **options: Any) -> DependencyChecks:
        application = an_application(self.database.url.render_as_string(hide_password=False), **options)
        made = DependencyChecks(lambda: application, "scheduler", interval=5)
        self.addCleanup(made.stop)
        made.check()
        return made

    def wrong(self, made: DependencyChecks) -> dict[str, tuple[Status, str]]:
        return {it.name: (it.status, it.reason) for it in made.found.checks if it.status is not Status.OK}

    def test_nothing_is_ready_before_the_first_check(self) -> None:
        made = DependencyChecks(lambda: an_application("sqlite:///nowhere"), "scheduler", interval=5)
        self.addCleanup(made.stop)
        self.assertEqual({"database": (Status.FAILED, "not checked yet")}, self.wrong(made))

    def test_scheduler_with_a_backend_is_ready(self) -> None:
        reported(self.database)
        made = self.checked_once()
        assert made.found.figures is not None
        self.assertNotIn("database", self.wrong(made))
        self.assertIsNone(made.late)
        self.assertEqual((1, 1), made.found.pools)

    def test_unreachable_database_and_other_version_fail(self) -> None:
        with self.database.transaction() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        made = self.checked_once()
        (why,) = self.wrong(made).values()
        self.assertEqual(Status.FAILED, why[0])
        self.assertRegex(why[1], r"its tables are at 9999, this service needs \d+")
        self.assertIsNone(made.found.figures)
        assert self.database.file is not None
        self.database.close()
        self.database.file.write_bytes(b"no database" * 100)
        away = self.checked_once()
        self.assertEqual({"database": (Status.FAILED, "it does not answer; see the log")}, self.wrong(away))

    def test_check_that_hangs_is_late(self) -> None:
        made = self.checked_once()
        self.assertIsNone(made.late)
        later = time.monotonic() + 5 + dependency_checks.LATE_SECONDS + 1
        with mock.patch("volsched.service.dependency_checks.time.monotonic", return_value=later):
            self.assertIsNotNone(made.late)


class TestBackendChecks(OnSQLite):
    def checked(self, kind: str, *services: ServiceState, **options: Any) -> dict[str, tuple[str, str]]:
        application = an_application("sqlite://", **options)
        return {it.name: (it.status.value, it.reason) for it in backend_checks(application, kind, services)}

    def test_scheduler_checks_all_backends(self) -> None:
        up, down = ServiceState(host="h@b"), ServiceState(host="h@c", up=False)
        for services, expected in (
            ((), ("failed", "no backend has ever reported")),
            ((ServiceState(host="h@z", kind="backup"),), ("failed", "no backend has ever reported")),
            ((down,), ("failed", "every backend is down or disabled")),
            ((down, ServiceState(host="h@d", disabled=True)), ("failed", "every backend is down or disabled")),
            ((up, down), ("warning", "down: h@c (1 of 2)")),
            ((up,), ("ok", "")),
        ):
            with self.subTest(services=services):
                self.assertEqual(expected, self.checked("scheduler", *services)["backends"])
        self.assertEqual(("ok", ""), self.checked("scheduler", up)["reports"])
        self.assertEqual("failed", self.checked("scheduler", up, pools=0)["reports"][0])

    def test_agent_checks_its_own_backends(self) -> None:
        b, c = ServiceState(host="h@b"), ServiceState(host="h@c")
        other = ServiceState(host="other@b", up=False)
        self.assertEqual({"backends": ("ok", "")}, self.checked("agent", b, c, other))
        silent = {"backends": ("warning", "not reporting: h@c (1 of 2)")}
        self.assertEqual(silent, self.checked("agent", b))
        self.assertEqual(silent, self.checked("agent", b, c, problems=(("h@c", "password=secret"),)))
        self.assertEqual({"backends": ("failed", "not reporting: h@b, h@c (2 of 2)")}, self.checked("agent", other))

    def test_failing_notifiers_are_a_warning(self) -> None:
        self.assertIs(Status.OK, delivery_check([]).status)
        many = delivery_check(["a", "b", "c", "d"])
        self.assertEqual((Status.WARNING, "events wait for a, b, c, …; see the log"), (many.status, many.reason))

    def test_bus_is_checked_separately(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nowhere = gone.getsockname()[1]
        application = an_application("sqlite:///nowhere", bus=f"rabbit://127.0.0.1:{nowhere}/")
        made = DependencyChecks(lambda: application, "scheduler", interval=5)
        self.addCleanup(made.stop)
        made.check_bus()
        made.check()
        self.assertIn(("message bus", Status.WARNING), [(it.name, it.status) for it in made.found.checks])

    def test_unreachable_bus_is_a_warning_without_the_url(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            there = listening.getsockname()[1]
            with socket.create_server(("127.0.0.1", 0)) as gone:
                nowhere = gone.getsockname()[1]
            for url, expected in (
                (f"rabbit://u:secret@127.0.0.1:{there}/", Status.OK),
                (f"rabbit://u:secret@127.0.0.1:{nowhere}/", Status.WARNING),
                (f"rabbit://u:secret@127.0.0.1:{nowhere},u:secret@127.0.0.1:{there}/x?a=b", Status.OK),
                ("fake://", Status.OK),
            ):
                with self.subTest(url=url):
                    check = bus_check(url)
                    self.assertIs(expected, check.status)
                    self.assertNotIn("secret", check.reason)
