"""Operations on pools, backends and quotas, and the audit, through the real program."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from tests.functional.services import Service
from tests.functional.test_cli import InAWorld
from volsched.db.backends import Backends
from volsched.db.database import Database
from volsched.db.schema import claims, volumes
from volsched.model.request import Operation
from volsched.service.application import utcnow

SSD, ONE, TWO = "node@fast#ssd", "node@slow#one", "node@slow#two"


class TestCordons(InAWorld):
    def where(self, *arguments: str) -> list[str]:
        """The pools that would take a volume now, best first."""
        document = self.program.run("place", "--dry-run", "--size", "1", *arguments, "-f", "json").json()
        return [entry["pool"] for entry in document["ranked"]]

    def test_a_cordoned_pool_refuses_operations_until_it_is_uncordoned(self) -> None:
        shown = self.asked("pool", "cordon", ONE, "--no-create", "--no-extend", "--reason", "new disks")
        self.assertEqual("closed for create, extend", shown["State"])
        self.assertEqual(["create: new disks", "extend: new disks"], shown["Cordons"])
        self.assertEqual([TWO], self.where("--zone", "west"))
        text = self.done("place", "--dry-run", "--size", "1").output
        self.assertIn("cordoned for create by the operator: new disks", text)

        self.done("pool", "uncordon", ONE, "--create")
        self.assertEqual([ONE, TWO], self.where("--zone", "west"))
        volume = self.asked("volume", "create", "--size", "1", "--zone", "west", "--name", "stays")
        self.assertEqual(ONE, volume["Pool"])
        refused = self.program.run("volume", "extend", "stays", "--size", "2")
        self.assertEqual(1, refused.status)
        self.assertIn("extend", str(self.asked("volume", "explain", "stays")["filters"][0]))
        self.done("pool", "uncordon", ONE)
        self.assertEqual(2, self.asked("volume", "extend", "stays", "--size", "2")["Size GiB"])
        self.done("volume", "delete", "stays")
        self.assertEqual(["open"] * 3, [pool["State"] for pool in self.asked("pool", "list")])

    def test_a_cordon_ends_by_itself(self) -> None:
        self.assertEqual("open", self.asked("pool", "show", TWO)["State"])
        shown = self.asked("pool", "cordon", TWO, "--reason", "audit", "--until", "2999-01-01T00:00")
        self.assertIn("manage: audit (until 2999-01-01T00:00:00Z)", shown["Cordons"])
        self.assertNotIn(TWO, self.where())
        database = Database(f"sqlite:///{self.folder_}/volsched.db")
        self.addCleanup(database.close)
        Backends(database).cordon(TWO, Operation, until=utcnow() - timedelta(seconds=1))
        self.assertIn(TWO, self.where())
        self.assertEqual("open", self.asked("pool", "show", TWO)["State"])
        self.done("pool", "uncordon", TWO)

    def test_invalid_cordons_are_refused(self) -> None:
        for arguments, words in (
            (("node@slow#none", "--reason", "x"), "node@slow#none"),
            ((ONE, "--reason", "x", "--until", "soon"), "expected a time such as"),
            ((ONE,), "--reason"),
        ):
            with self.subTest(words):
                refused = self.program.run("pool", "cordon", *arguments)
                self.assertIn(refused.status, (1, 2))
                self.assertIn(words, refused.errors)


class TestDraining(InAWorld):
    def test_a_drain_plan_shows_a_pool_for_each_volume_and_moves_nothing(self) -> None:
        """The second pool has room only for the larger volume: each decision counts the moves before it."""
        self.done("pool", "cordon", TWO, "--no-create", "--reason", "later")
        for name, size in (("small", "5"), ("large", "7"), ("kept", "1")):
            self.assertEqual(
                ONE, self.asked("volume", "create", "--size", size, "--zone", "west", "--name", name)["Pool"]
            )
        self.done("pool", "uncordon", TWO)
        self.done("snapshot", "create", "kept", "--name", "of-kept")
        before = self.asked("volume", "list"), self.asked("pool", "list")

        planned = self.program.run("pool", "drain", ONE, "--plan", "-f", "json")
        self.assertEqual((1, "no pool was found for 2 of 3 volumes\n"), (planned.status, planned.errors))
        large, small, kept = planned.json()
        self.assertEqual(("large", TWO, None), (large["Name"], large["To"], large["Because"]))
        self.assertEqual(("small", None), (small["Name"], small["To"]))
        self.assertEqual(("kept", None), (kept["Name"], kept["To"]))
        self.assertIn("snapshots", kept["Because"])
        moved = self.program.run("pool", "drain", ONE, "--plan", "--any-zone", "-f", "json").json()
        self.assertEqual([SSD, TWO], sorted(row["To"] for row in moved if row["To"]))
        self.assertEqual(before, (self.asked("volume", "list"), self.asked("pool", "list")))

        closed = self.program.run("pool", "drain", ONE)
        self.assertEqual(2, closed.status)
        self.assertIn("volsched volume migrate", closed.errors)
        empty = self.program.run("pool", "drain", TWO, "--plan")
        self.assertEqual((0, f"no volumes are in {TWO}\n"), (empty.status, empty.errors))


class TestAudit(InAWorld):
    def plant(self, size_gb: int) -> None:
        """Change the size of every claim."""
        database = Database(f"sqlite:///{self.folder_}/volsched.db")
        self.addCleanup(database.close)
        with database.transaction() as connection:
            connection.execute(sa.update(claims).values(size_gb=size_gb))
            connection.execute(sa.update(volumes).values(updated_at=utcnow() - timedelta(hours=1)))

    def test_an_inconsistency_is_shown_repaired_and_gone(self) -> None:
        nothing = self.program.run("audit")
        self.assertEqual((0, "no inconsistencies\n"), (nothing.status, nothing.errors))
        made = self.asked("volume", "create", "--size", "2", "--zone", "west", "--name", "odd")
        self.asked("pool", "list")
        self.assertEqual([], self.asked("audit"))
        self.plant(5)
        found = self.program.run("audit", "-f", "json")
        self.assertEqual((1, "to repair what can be: volsched audit --repair\n"), (found.status, found.errors))
        (drift,) = found.json()
        self.assertEqual(
            ("claims that differ", made["ID"], False), (drift["Inconsistency"], drift["Of"], drift["Repaired"])
        )
        self.assertIn(f"has 2 GiB in {ONE}, and 5 GiB are claimed", drift["Problem"])
        repaired = self.program.run("audit", "--repair", "-f", "json")
        self.assertEqual((0, [True]), (repaired.status, [drift["Repaired"] for drift in repaired.json()]))
        self.assertEqual([], self.asked("audit"))

        file = self.folder_ / "often.conf"
        file.write_text((self.folder_ / "volsched.conf").read_text() + "\n[scheduler]\naudit_interval = 0.1\n")
        with Service("scheduler", file) as scheduler:
            self.plant(7)
            self.assertIn("and 7 GiB are claimed", scheduler.until("audit: claims that differ"))
            self.assertEqual(0, scheduler.end())
        self.program.run("audit", "--repair")
        self.done("volume", "delete", "odd")


class TestQuotas(InAWorld):
    def test_limits_are_set_shown_and_enforced(self) -> None:
        self.done("type", "create", "plain")
        self.assertEqual(
            {"volumes": (None, 0, 0), "gigabytes": (None, 0, 0)}, self.usage(self.asked("quota", "show", "default"))
        )
        self.asked("quota", "set", "default", "--volumes", "2", "--gigabytes", "5")
        self.done("volume", "create", "--size", "3", "--zone", "west", "--name", "first")
        refused = self.program.run("volume", "create", "--size", "4")
        self.assertEqual(1, refused.status)
        self.assertIn("gigabytes", refused.errors)
        for figure in ("5", "3", "4"):
            self.assertIn(figure, refused.errors)
        self.assertEqual({"volumes": (2, 1, 0), "gigabytes": (5, 3, 0)}, self.usage(self.asked("quota", "show")))

        limited = self.asked("quota", "set", "default", "--volumes", "0", "--type", "plain")
        self.assertEqual({"plain"}, {row["Type"] for row in limited})
        of_type = self.program.run("volume", "create", "--size", "1", "--type", "plain")
        self.assertEqual(1, of_type.status)
        self.assertEqual({None, "plain"}, {row["Type"] for row in self.asked("quota", "show")})
        again = self.asked("quota", "set", "default", "--volumes", "default", "--gigabytes", "-1", "--type", "plain")
        self.assertEqual([None, None], [row["Limit"] for row in again])
        self.done("volume", "delete", "first")

    def usage(self, rows: list[dict[str, Any]]) -> dict[str, tuple[int | None, int, int]]:
        return {row["Resource"]: (row["Limit"], row["In use"], row["Reserved"]) for row in rows if not row["Type"]}

    def test_invalid_limits_are_refused(self) -> None:
        for arguments, words in (
            ((), "expected a limit: --volumes, --gigabytes or both"),
            (("--volumes", "many"), "got 'many'"),
            (("--gigabytes=-2",), "got '-2'"),
            (("--volumes", "1", "--type", "none"), "none"),
        ):
            with self.subTest(words):
                refused = self.program.run("quota", "set", "p", *arguments)
                self.assertEqual(2, refused.status)
                self.assertIn(words, refused.errors)


class TestExtraSpecs(InAWorld):
    def test_an_extra_spec_without_alternatives_is_refused(self) -> None:
        refused = self.program.run("type", "create", "odd", "--extra-spec", "media=<or>")
        self.assertEqual(2, refused.status)
        self.assertIn("extra_specs[media]: expected alternatives", refused.errors)
        self.assertEqual([], self.asked("type", "list"))


class TestClosedBackends(InAWorld):
    def test_a_decision_names_disabled_and_frozen_backends(self) -> None:
        self.done("backend", "list")
        self.done("backend", "disable", "node@fast", "--reason", "rebuild")
        self.assertTrue(self.asked("backend", "freeze", "node@slow")["Frozen"])
        refused = self.program.run("place", "--dry-run", "--size", "1", "-f", "json")
        self.assertEqual(1, refused.status)
        reason = refused.json()["reason"]
        self.assertIn("node@fast: disabled by the operator: rebuild", reason)
        self.assertIn("node@slow: frozen by the operator", reason)
        self.done("backend", "enable", "node@fast")
        self.assertFalse(self.asked("backend", "unfreeze", "node@slow")["Frozen"])
        self.done("place", "--dry-run", "--size", "1")

    def test_nothing_is_changed_on_a_frozen_backend(self) -> None:
        self.asked("volume", "create", "--size", "1", "--zone", "west", "--name", "ice")
        self.done("backend", "freeze", "node@slow")
        for arguments in (("extend", "ice", "--size", "2"), ("delete", "ice"), ("migrate", "ice", SSD)):
            with self.subTest(arguments[0]):
                refused = self.program.run("volume", *arguments)
                self.assertEqual(2, refused.status)
                self.assertIn("its storage is frozen", refused.errors)
        self.done("backend", "unfreeze", "node@slow")
        self.done("volume", "delete", "ice")
