"""Retype, migration, snapshots, groups and backup placement, through the real program."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.functional.test_cli import InAWorld
from volsched.db.backends import Backends
from volsched.db.claims import Claims
from volsched.db.database import Database
from volsched.db.snapshots import Snapshots
from volsched.db.volumes import Volumes
from volsched.model.parsing import ParsedReport
from volsched.model.report import CapabilityReport

UNIT = 4096
CONTENT = b"what it is all about" * 400


class Operating(InAWorld):
    """Two types, gold for the fast backend and bronze for the slow one; claims and files must match."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for name, media in (("gold", "ssd"), ("bronze", "hdd")):
            made = cls.program.run("type", "create", name, "--extra-spec", f"media={media}")
            if made.status:
                raise AssertionError(made.errors)

    def tearDown(self) -> None:
        self.balanced()
        super().tearDown()

    def made(self, size: int = 3, *more: str, content: bytes = CONTENT) -> dict[str, Any]:
        """A volume that holds something."""
        volume = dict(self.asked("volume", "create", "--size", str(size), *more))
        with Path(volume["Location"]).open("r+b") as file:
            file.write(content)
        return volume

    def holds(self, volume: dict[str, Any], content: bytes = CONTENT) -> bool:
        data = Path(volume["Location"]).read_bytes()
        return data == content.ljust(volume["Size GiB"] * UNIT, b"\0")

    def refused(self, status: int, words: str, *arguments: str) -> None:
        ran = self.program.run(*arguments)
        self.assertEqual(status, ran.status, f"{arguments}: {ran.output}{ran.errors}")
        self.assertIn(words, ran.errors, arguments)

    def files(self) -> list[str]:
        found = (path for kind in ("fast", "slow") for path in (self.folder_ / kind).rglob("*") if path.is_file())
        return sorted(path.name for path in found if path.name != ".volsched-pool")

    def balanced(self) -> None:
        """Assert that the claims of each pool add up to its volumes and snapshots, without other files."""
        with contextlib.closing(Database(f"sqlite:///{self.folder_}/volsched.db")) as database:
            volumes = [volume for volume in Volumes(database).list() if volume.host]
            snapshots = Snapshots(database).list()
            pools = [pool.pool_id for pool in Backends(database).pools()]
            claims = Claims(database).in_pools(pools)
        where = {volume.id: str(volume.host) for volume in volumes}
        had: Counter[str] = Counter()
        for volume in volumes:
            had[where[volume.id]] += volume.size_gb
        for snapshot in snapshots:
            had[where[snapshot.volume_id]] += snapshot.size_gb
        claimed: Counter[str] = Counter()
        for claim in claims:
            claimed[claim.pool_id] += int(claim.size_gb)
            self.assertIsNotNone(claim.confirmed_at, claim)
        self.assertEqual(had, claimed)
        names = [f"volume-{volume.id}" for volume in volumes] + [f"snapshot-{snapshot.id}" for snapshot in snapshots]
        self.assertEqual(sorted(names), self.files())


class TestRetype(Operating):
    def test_a_retype_that_fits_the_pool_changes_only_the_type(self) -> None:
        self.done("type", "create", "plain", "-f", "json")
        volume = self.made(2, "--type", "plain", "--zone", "west")
        retyped = self.asked("volume", "retype", volume["ID"], "--type", "bronze")
        self.assertEqual(("available", "bronze", volume["Pool"]), _values(retyped, "Status", "Type", "Pool"))
        self.assertTrue(self.holds(retyped))
        again = self.asked("volume", "retype", volume["ID"], "--type", "plain")
        self.assertEqual("bronze", self.asked("volume", "retype", again["ID"], "--type", "bronze")["Type"])
        self.done("volume", "delete", volume["ID"])

    def test_a_retype_moves_the_volume_only_with_the_migration_policy(self) -> None:
        self.done("type", "create", "large", "--extra-spec", "total_capacity_gb=<= 10", "-f", "json")
        volume = self.made(2, "--type", "bronze", "--name", "moving")
        self.assertEqual("node@slow#one", volume["Pool"])
        before = self.asked("volume", "show", "moving")
        self.refused(1, "--migration-policy on-demand", "volume", "retype", "moving", "--type", "large")
        after = self.asked("volume", "show", "moving")
        self.assertEqual({**before, "Updated": None}, {**after, "Updated": None})
        explained = self.asked("volume", "explain", "moving")
        self.assertEqual("retype", explained["operation"])
        retyped = self.asked("volume", "retype", "moving", "--type", "large", "--migration-policy", "on-demand")
        self.assertEqual(("available", "large", "node@slow#two"), _values(retyped, "Status", "Type", "Pool"))
        self.assertTrue(self.holds(retyped))
        self.balanced()
        self.refused(
            1, "no backend will do", "volume", "retype", "moving", "--type", "gold", "--migration-policy", "on-demand"
        )
        grown = self.asked("volume", "extend", "moving", "--size", "4")
        self.assertEqual(4, grown["Size GiB"])
        self.balanced()
        self.done("volume", "delete", "moving")

    def test_invalid_retypes_are_refused_and_change_nothing(self) -> None:
        volume = self.made(1, "--type", "bronze", "--name", "kept")
        before = self.asked("volume", "list")
        retype = ("volume", "retype", "kept", "--type")
        self.refused(2, "no volume type 'nosuch'", *retype, "nosuch")
        self.refused(2, f"volume {volume['ID']} is of type bronze already", *retype, "bronze")
        self.refused(
            2,
            "expected one of never, on-demand, got 'maybe'",
            *retype,
            "gold",
            "--migration-policy",
            "maybe",
        )
        self.refused(2, "no volume 'nosuch'", "volume", "retype", "nosuch", "--type", "gold")
        self.assertEqual(before, self.asked("volume", "list"))
        self.done("volume", "delete", "kept")


class TestMigrate(Operating):
    def test_a_volume_moves_between_pools_and_keeps_its_data(self) -> None:
        volume = self.made(3, "--zone", "west", "--name", "walker")
        route = ("node@slow#two", "node@fast#ssd", "node@slow#one", "node@slow", "node@fast")
        expected = ("node@slow#two", "node@fast#ssd", "node@slow#one", "node@slow#two", "node@fast#ssd")
        for host, pool in zip(route, expected, strict=True):
            with self.subTest(host):
                moved = self.asked("volume", "migrate", "walker", host)
                self.assertEqual(("available", pool, volume["ID"]), _values(moved, "Status", "Pool", "ID"))
                self.assertEqual("east" if "fast" in pool else "west", moved["Zone"])
                self.assertTrue(self.holds(moved))
                self.balanced()
        thick = os.stat(moved["Location"])
        self.assertGreaterEqual(thick.st_blocks * 512, thick.st_size)
        self.assertEqual([3.0], [it["Claimed GiB"] + 10 - it["Room GiB"] for it in self.pools("node@fast#ssd")])
        self.done("volume", "delete", "walker")
        self.assertEqual([], self.asked("volume", "list"))

    def pools(self, name: str) -> list[dict[str, Any]]:
        return [pool for pool in self.asked("pool", "list") if pool["Pool"] == name]

    def test_migration_to_an_unsuitable_pool_is_refused(self) -> None:
        self.done("volume", "create", "--size", "8", "--zone", "east", "--name", "filler", "-f", "json")
        volume = self.made(3, "--zone", "west", "--name", "stays")
        migrate = ("volume", "migrate", "stays")
        self.refused(1, "capacity: 3 GiB asked", *migrate, "node@fast")
        self.refused(2, "is in node@slow#one already", *migrate, "node@slow#one")
        self.refused(2, "no backend 'node@nosuch'", *migrate, "node@nosuch#pool")
        self.refused(2, "no backend 'node@nosuch'", *migrate, "node@nosuch")
        self.refused(2, "no pool 'node@slow#nosuch'", *migrate, "node@slow#nosuch")
        self.refused(2, "expected host@backend or host@backend#pool, got 'nowhere'", *migrate, "nowhere")
        self.done("backend", "disable", "node@fast", "--reason", "moving house", "-f", "json")
        self.refused(2, "backend node@fast is disabled (moving house)", *migrate, "node@fast")
        self.done("backend", "enable", "node@fast", "-f", "json")
        self.freeze(True)
        self.refused(2, "backend node@fast is frozen", *migrate, "node@fast")
        self.freeze(False)
        bronze = self.made(1, "--type", "bronze")
        self.refused(1, "capabilities: media", "volume", "migrate", bronze["ID"], "node@fast")
        stays = self.asked("volume", "show", "stays")
        self.assertEqual(("available", volume["Location"]), _values(stays, "Status", "Location"))
        self.assertTrue(self.holds(stays))
        self.done("volume", "delete", "stays", "filler", bronze["ID"])

    def freeze(self, frozen: bool) -> None:
        with contextlib.closing(Database(f"sqlite:///{self.folder_}/volsched.db")) as database:
            Backends(database).set_frozen("node@fast", frozen)

    def test_an_unreadable_source_leaves_the_volume_unchanged(self) -> None:
        volume = self.made(2, "--zone", "west", "--name", "lost")
        hidden = self.folder_ / "hidden"
        Path(volume["Location"]).rename(hidden)
        self.refused(1, "has vanished", "volume", "migrate", "lost", "node@fast")
        hidden.rename(volume["Location"])
        shown = self.asked("volume", "show", "lost")
        self.assertEqual(("available", volume["Pool"]), _values(shown, "Status", "Pool"))
        self.assertIn("was not moved", self.asked("volume", "messages", "lost")[-1]["Text"])
        self.balanced()
        self.done("volume", "delete", "lost")

    def test_an_existing_file_in_the_target_pool_is_not_replaced(self) -> None:
        volume = self.made(2, "--zone", "west", "--name", "blocked")
        stranger = self.folder_ / "fast" / "ssd" / f"volume-{volume['ID']}"
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_bytes(b"x" * 2 * UNIT)
        self.refused(1, "holds something else", "volume", "migrate", "blocked", "node@fast")
        shown = self.asked("volume", "show", "blocked")
        self.assertEqual(("available", volume["Pool"]), _values(shown, "Status", "Pool"))
        self.assertTrue(self.holds(shown))
        self.assertEqual(b"x" * 2 * UNIT, stranger.read_bytes())
        stranger.unlink()
        self.done("volume", "delete", "blocked")

    def test_migration_between_pools_in_one_folder_is_refused(self) -> None:
        volume = self.made(2, "--zone", "west", "--name", "twice")
        twin = self.folder_ / "slow" / "two" / f"volume-{volume['ID']}"
        os.link(volume["Location"], twin)
        self.refused(1, "the two pools are one folder", "volume", "migrate", "twice", "node@slow#two")
        self.assertTrue(self.holds(self.asked("volume", "show", "twice")))
        twin.unlink()
        self.done("volume", "delete", "twice")


class TestKilledWhileMoving(Operating):
    """A killed process leaves the volume intact in the pool of its row, and the next process completes the work."""

    def killed_at(self, step: int, *arguments: str) -> int:
        """The status of a command whose process is killed before that step; 0 where it had fewer."""
        return self.program.run(*arguments, kill_at=step).status

    def moved_under_fire(self, there: str, back: str, *operation: str) -> int:
        """How many steps there were to be killed at."""
        volume = now = self.made(3, "--zone", "west", "--name", "hardy")
        for step in itertools.count(1):
            where = now["Pool"]
            target = back if where == there else there
            status = self.killed_at(step, *operation, target)
            if status == 0:
                self.done("volume", "delete", "hardy")
                return step - 1
            self.assertEqual(-signal.SIGKILL, status)
            self.assertTrue(self.holds(self.row(volume["ID"])), f"step {step}")
            now = self.program.run("volume", "show", "hardy", "--wait", "-f", "json").json()
            self.assertEqual("available", now["Status"], f"step {step}")
            self.assertIn(now["Pool"], (target, where))
            self.assertTrue(self.holds(now), f"step {step}")
            self.balanced()
            self.assertEqual(volume["ID"], now["ID"])
        raise AssertionError("counted to the end")

    def row(self, volume_id: str) -> dict[str, Any]:
        with contextlib.closing(Database(f"sqlite:///{self.folder_}/volsched.db")) as database:
            volume = Volumes(database).get(volume_id)
        return {"Location": volume.provider_location, "Size GiB": volume.size_gb}

    def test_migration_survives_a_kill_at_every_step(self) -> None:
        steps = self.moved_under_fire("node@fast#ssd", "node@slow#one", "volume", "migrate", "hardy")
        self.assertGreater(steps, 15)


class TestSnapshots(Operating):
    def test_a_snapshot_is_created_copied_and_deleted(self) -> None:
        volume = self.made(3, "--zone", "west", "--name", "origin")
        snapshot = self.asked("snapshot", "create", "origin", "--name", "then")
        self.assertEqual(("available", 3, volume["ID"]), _values(snapshot, "Status", "Size GiB", "Volume"))
        self.balanced()
        Path(volume["Location"]).write_bytes(b"n" * 3 * UNIT)
        self.assertEqual([snapshot], self.asked("snapshot", "list", "--volume", "origin"))
        self.assertEqual(snapshot, self.asked("snapshot", "show", "then"))
        restored = self.asked("volume", "create", "--snapshot", "then", "--size", "4", "--name", "restored")
        self.assertEqual(("available", volume["Pool"], 4), _values(restored, "Status", "Pool", "Size GiB"))
        self.assertTrue(self.holds(restored))
        same = self.asked("volume", "create", "--source", "origin", "--name", "same")
        self.assertTrue(self.holds(same, b"n" * 3 * UNIT))
        self.balanced()
        for arguments in (
            ("volume", "delete", "origin"),
            ("volume", "migrate", "origin", "node@fast"),
            ("volume", "retype", "origin", "--type", "gold", "--migration-policy", "on-demand"),
        ):
            self.refused(2, "has 1 snapshot; delete them first", *arguments)
        self.done("volume", "extend", "origin", "--size", "4", "-f", "json")
        self.balanced()
        self.done("snapshot", "delete", "then")
        self.assertEqual([], self.asked("snapshot", "list"))
        self.assertTrue(self.holds(restored))
        self.done("volume", "delete", "origin", "restored", "same")

    def test_a_snapshot_without_room_is_in_error(self) -> None:
        volume = self.made(6, "--zone", "east", "--name", "big")
        ran = self.program.run("snapshot", "create", "big", "--name", "no", "-f", "json")
        self.assertEqual((1, "error"), (ran.status, ran.json()["Status"]))
        self.assertIn("no storage could take 6 GiB", ran.errors)
        self.balanced_but_for("no")
        self.done("snapshot", "delete", "no")
        self.assertEqual("available", self.asked("volume", "show", volume["ID"])["Status"])
        self.done("volume", "delete", "big")

    def balanced_but_for(self, name: str) -> None:
        """A snapshot in error has nothing."""
        with contextlib.closing(Database(f"sqlite:///{self.folder_}/volsched.db")) as database:
            failed = Snapshots(database).find(name, None)
            self.assertIsNone(Claims(database).get(failed.id))

    def test_invalid_snapshot_requests_are_refused(self) -> None:
        self.made(2, "--zone", "west", "--name", "source")
        self.done("snapshot", "create", "source", "--name", "s", "-f", "json")
        create = ("volume", "create", "--name", "no")
        self.refused(2, "no snapshot 'nosuch'", "snapshot", "show", "nosuch")
        self.refused(2, "no snapshot 'nosuch'", "snapshot", "delete", "s", "nosuch")
        self.refused(2, "no volume 'nosuch'", "snapshot", "create", "nosuch")
        self.refused(2, "no snapshot 'nosuch'", *create, "--snapshot", "nosuch")
        self.refused(2, "expected at least the 2 GiB", *create, "--snapshot", "s", "--size", "1")
        self.refused(2, "source volume, got both", *create, "--snapshot", "s", "--source", "source")
        self.refused(2, "size: expected a whole number of GiB", *create)
        self.assertEqual(1, len(self.asked("snapshot", "list")))
        self.done("snapshot", "delete", "s")
        self.done("volume", "delete", "source")


class TestGroups(Operating):
    def test_a_group_and_its_volumes_are_on_one_backend(self) -> None:
        self.done("type", "create", "any", "-f", "json")
        group = self.asked("group", "create", "--type", "bronze", "--type", "any", "team")
        self.assertEqual(("available", "node@slow#one", "west"), _values(group, "Status", "Pool", "Zone"))
        self.assertEqual(["bronze", "any"], group["Types"])
        first = self.made(2, "--group", "team", "--type", "any")
        self.assertIn("node@slow#", first["Pool"])
        self.assertEqual([first["ID"]], self.asked("group", "show", "team")["Volumes"])
        self.refused(2, f"expected a type of group {group['ID']}, got type gold", *self.create("gold"))
        self.refused(2, "got no type", "volume", "create", "--size", "1", "--group", "team")
        self.refused(2, "has 1 volume; delete them first", "group", "delete", "team")
        self.done("volume", "delete", first["ID"])
        self.done("group", "delete", "team")
        self.assertEqual([], self.asked("group", "list"))

    def create(self, kind: str) -> tuple[str, ...]:
        return ("volume", "create", "--size", "1", "--group", "team", "--type", kind)

    def test_a_group_of_types_without_a_common_backend_is_in_error(self) -> None:
        ran = self.program.run("group", "create", "--type", "bronze", "--type", "gold", "split", "-f", "json")
        self.assertEqual((1, "error"), (ran.status, ran.json()["Status"]))
        self.assertIn("no backend serves every type of the group", ran.errors)
        self.refused(2, "expected an available group", "volume", "create", "--size", "1", "--group", "split")
        self.done("group", "delete", "split")

    def test_invalid_group_requests_are_refused(self) -> None:
        self.refused(2, "no volume type 'nosuch'", "group", "create", "--type", "nosuch", "no")
        self.refused(2, "no zone 'mars'", "group", "create", "--type", "gold", "--zone", "mars", "no")
        self.refused(2, "no group 'nosuch'", "group", "show", "nosuch")
        self.refused(2, "no group 'nosuch'", "volume", "create", "--size", "1", "--group", "nosuch")
        self.assertEqual([], self.asked("group", "list"))


class TestBooks(Operating):
    def test_a_managed_volume_counts_with_its_size(self) -> None:
        self.done("pool", "list")
        (self.folder_ / "slow" / "two" / "found").write_bytes(b"f" * (2 * UNIT + 1))
        managed = self.asked("volume", "manage", "node@slow#two", "found", "--name", "found")
        self.assertEqual(("available", 3), _values(managed, "Status", "Size GiB"))
        self.balanced()
        self.done("volume", "extend", "found", "--size", "5", "-f", "json")
        self.balanced()
        moved = self.asked("volume", "migrate", "found", "node@slow#one")
        self.assertEqual(b"f" * (2 * UNIT + 1), Path(moved["Location"]).read_bytes().rstrip(b"\0"))
        self.balanced()
        self.done("volume", "delete", "found")


class TestBackups(Operating):
    def test_backup_place_selects_a_service_by_volume_zone_and_driver(self) -> None:
        self.refused(1, "none that works has reported", "backup", "place")
        with contextlib.closing(Database(f"sqlite:///{self.folder_}/volsched.db")) as database:
            for host, zone, driver in (("b1", "west", "swift"), ("b2", "east", "nfs")):
                capabilities = {"backend_state": True, "driver_name": driver, "availability_zone": zone}
                report = CapabilityReport(
                    service_name="backup",
                    host=host,
                    capabilities=capabilities,
                    timestamp=datetime.now(UTC).replace(tzinfo=None),
                )
                Backends(database).record(report, ParsedReport(backend_id=host, pools=(), set_aside=()))
        volume = self.made(1, "--zone", "west")
        self.assertEqual("b1", self.asked("backup", "place", "--volume", volume["ID"])["Host"])
        self.assertEqual("b2", self.asked("backup", "place", "--zone", "east")["Host"])
        self.assertEqual("b2", self.asked("backup", "place", "--driver", "nfs")["Host"])
        self.refused(1, "driver tape", "backup", "place", "--driver", "tape")
        self.refused(2, "no volume 'nosuch'", "backup", "place", "--volume", "nosuch")
        self.done("volume", "delete", volume["ID"])


def _values(shown: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(shown[name] for name in names)
