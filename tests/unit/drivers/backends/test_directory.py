"""The directory backend, on real folders, a really full disk, and with a process that is really killed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies

from tests import TestCase
from volsched.exceptions import InvalidRequest, StorageError, StorageMismatch
from volsched.model.volume import Volume, VolumeStatus
from volsched.testing import an_attempt
from volsched_drivers.backends.directory import DirectoryBackend
from volsched_drivers.backends.marker import NAME as MARKER

MIB = 1024**2


def a_volume(id: str = "v1", size_gb: int = 3) -> Volume:
    return Volume(id=id, project_id="p", user_id="u", size_gb=size_gb, status=VolumeStatus.CREATING)


class DirectoryTestCase(TestCase):
    def setUp(self) -> None:
        self.root = self.folder() / "disk"
        self.thin = self.root / "thin"
        self.thick = self.root / "thick"

    def backend(self, **options: Any) -> DirectoryBackend:
        settings: dict[str, Any] = {
            "path": str(self.root),
            "pools": ["thin", "thick"],
            "thick_pools": ["thick"],
            "pool_size_gb": {"thin": 20.0, "thick": 10.0},
            "unit_bytes": MIB,
        }
        made = DirectoryBackend(**{**settings, **options})
        self.assertEqual([], made.validate())
        made.start()
        made.identify({})
        return made

    def pool(self, backend: DirectoryBackend, name: str) -> dict[str, Any]:
        return next(pool for pool in backend.report()["pools"] if pool["pool_name"] == name)

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if path.name != MARKER and not path.is_dir()
        )


class TestCreate(DirectoryTestCase):
    def test_thin_volume_is_sparse_and_thick_has_its_blocks(self) -> None:
        backend = self.backend()
        thin = Path(backend.create_volume(an_attempt(a_volume("v1"), "thin")))
        thick = Path(backend.create_volume(an_attempt(a_volume("v2"), "thick")))
        self.assertEqual((self.thin / "volume-v1", self.thick / "volume-v2"), (thin, thick))
        self.assertEqual([3 * MIB] * 2, [thin.stat().st_size, thick.stat().st_size])
        self.assertLess(thin.stat().st_blocks * 512, MIB)
        self.assertGreaterEqual(thick.stat().st_blocks * 512, 3 * MIB)
        self.assertEqual(0o600, thin.stat().st_mode & 0o777)

    def test_again_is_harmless_and_keeps_what_was_written(self) -> None:
        backend = self.backend()
        path = Path(backend.create_volume(an_attempt(a_volume(), "thin")))
        with path.open("r+b") as file:
            file.write(b"data")
        self.assertEqual(str(path), backend.create_volume(an_attempt(a_volume(), "thin")))
        self.assertEqual(b"data", path.read_bytes()[:4])

    def test_two_attempts_at_once_make_one_volume(self) -> None:
        backend = self.backend()
        attempts = [an_attempt(a_volume(), "thin", work_id=f"work-{number}") for number in range(8)]
        threads = [threading.Thread(target=backend.create_volume, args=(attempt,)) for attempt in attempts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(["thin/volume-v1"], self.files())

    def test_thick_pool_refuses_more_than_its_size_whoever_asks(self) -> None:
        backend = self.backend()
        refused: list[str] = []

        def create(id: str) -> None:
            try:
                backend.create_volume(an_attempt(a_volume(id), "thick"))
            except StorageError as problem:
                refused.append(problem.problem)

        threads = [threading.Thread(target=create, args=(f"v{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(3, len(self.files()))
        self.assertEqual(5, len(refused))
        self.assertIn("3145728 bytes asked, 1048576 left in the pool: enlarge the pool", refused[0])

    def test_file_of_another_size_in_its_place_is_left_alone(self) -> None:
        backend = self.backend()
        (self.thin / "volume-v1").write_bytes(b"x" * 10)
        with self.assertRaisesRegex(StorageMismatch, "volume-v1: expected at least 3145728 bytes, got 10; restore"):
            backend.create_volume(an_attempt(a_volume(), "thin"))
        self.assertEqual(10, (self.thin / "volume-v1").stat().st_size)

    def test_no_id_leads_out_of_the_pool(self) -> None:
        backend = self.backend()
        for id in ("", "../v", "a/b", ".", "v\n", "x" * 65, "v\0"):
            for act in (
                lambda volume: backend.create_volume(an_attempt(volume, "thin")),
                lambda volume: backend.delete_volume(an_attempt(volume, "thin")),
                lambda volume: backend.extend_volume(an_attempt(volume, "thin"), 5),
            ):
                with self.subTest(id=id), self.assertRaisesRegex(InvalidRequest, "cannot be a file's name"):
                    act(a_volume(id))
        self.assertEqual([], self.files())

    def test_unknown_pool_is_named(self) -> None:
        with self.assertRaisesRegex(StorageError, "no pool '../thin' in the configuration, which has: thin, thick"):
            self.backend().create_volume(an_attempt(a_volume(), "../thin"))

    def test_link_in_the_volume_s_place_is_not_followed(self) -> None:
        backend = self.backend()
        outside = self.folder() / "precious"
        outside.write_text("precious")
        (self.thin / "volume-v1").symlink_to(outside)
        for act in (
            lambda: backend.create_volume(an_attempt(a_volume(), "thin")),
            lambda: backend.extend_volume(an_attempt(a_volume(), "thin"), 5),
            lambda: backend.delete_volume(an_attempt(a_volume(), "thin")),
        ):
            with self.assertRaisesRegex(StorageError, "volume-v1 is not a file any more"):
                act()
        self.assertEqual("precious", outside.read_text())

    def test_size_too_large_for_the_file_system(self) -> None:
        backend = self.backend()
        for size in (2**45, 2**60):
            with self.subTest(size=size), self.assertRaisesRegex(StorageError, "larger than the file system"):
                backend.create_volume(an_attempt(a_volume(size_gb=size), "thin"))
        self.assertEqual([], self.files())

    def test_size_below_one_is_refused(self) -> None:
        with self.assertRaisesRegex(InvalidRequest, "at least 1"):
            self.backend().create_volume(an_attempt(a_volume(size_gb=0), "thin"))


class TestDelete(DirectoryTestCase):
    def test_removes_the_file_and_again_is_harmless(self) -> None:
        backend = self.backend()
        backend.create_volume(an_attempt(a_volume(), "thin"))
        backend.delete_volume(an_attempt(a_volume(), "thin"))
        backend.delete_volume(an_attempt(a_volume(), "thin"))
        self.assertEqual([], self.files())

    def test_vanished_pool_does_not_pass_for_a_deleted_volume(self) -> None:
        backend = self.backend()
        backend.create_volume(an_attempt(a_volume(), "thin"))
        self.thin.rename(self.root / "unplugged")
        with self.assertRaisesRegex(StorageError, "removing volume-v1 in .*thin.*vanished: mount its disk"):
            backend.delete_volume(an_attempt(a_volume(), "thin"))


class TestExtend(DirectoryTestCase):
    def test_grows_and_again_is_harmless(self) -> None:
        backend = self.backend()
        for pool, folder in (("thin", self.thin), ("thick", self.thick)):
            backend.create_volume(an_attempt(a_volume(), pool))
            for _ in range(2):
                backend.extend_volume(an_attempt(a_volume(), pool), 5)
            self.assertEqual(5 * MIB, (folder / "volume-v1").stat().st_size)
        self.assertGreaterEqual((self.thick / "volume-v1").stat().st_blocks * 512, 5 * MIB)

    def test_shrinking_is_refused(self) -> None:
        backend = self.backend()
        backend.create_volume(an_attempt(a_volume(), "thin"))
        with self.assertRaisesRegex(InvalidRequest, "volumes grow and never shrink"):
            backend.extend_volume(an_attempt(a_volume(), "thin"), 2)
        self.assertEqual(3 * MIB, (self.thin / "volume-v1").stat().st_size)

    def test_vanished_file_is_named_with_the_mend(self) -> None:
        with self.assertRaisesRegex(StorageError, "growing volume-v1 in .*thin: No such file.*put it back"):
            self.backend().extend_volume(an_attempt(a_volume(), "thin"), 5)

    def test_thick_pool_without_room_leaves_the_volume_as_it_was(self) -> None:
        backend = self.backend()
        backend.create_volume(an_attempt(a_volume(), "thick"))
        with self.assertRaisesRegex(StorageError, "left in the pool"):
            backend.extend_volume(an_attempt(a_volume(), "thick"), 11)
        self.assertEqual(3 * MIB, (self.thick / "volume-v1").stat().st_size)


class TestManage(DirectoryTestCase):
    def manage(self, source: Any, pool: str = "thin", id: str = "v1") -> Any:
        return self.backend().manage_existing(an_attempt(a_volume(id, 0), pool), {"source-name": source})

    def test_renames_the_file_and_fills_it_up_to_whole_units(self) -> None:
        self.backend()
        (self.thin / "old").write_bytes(b"x" * (2 * MIB + 1))
        managed = self.manage("old")
        self.assertEqual((3, str(self.thin / "volume-v1")), (managed.size_gb, managed.provider_location))
        self.assertEqual(["thin/volume-v1"], self.files())
        self.assertEqual(b"x" * (2 * MIB + 1) + bytes(MIB - 1), (self.thin / "volume-v1").read_bytes())

    def test_again_is_harmless(self) -> None:
        self.backend()
        (self.thin / "old").write_bytes(b"x" * MIB)
        self.assertEqual(self.manage("old"), self.manage("old"))

    def test_file_in_a_folder_of_the_pool(self) -> None:
        self.backend()
        (self.thin / "import").mkdir()
        (self.thin / "import" / "old").write_bytes(b"x")
        self.assertEqual(1, self.manage("./import/old").size_gb)
        self.assertEqual(["thin/volume-v1"], self.files())

    def test_thick_pool_fills_the_holes(self) -> None:
        self.backend()
        with (self.thick / "old").open("wb") as file:
            file.write(b"data")
            file.truncate(2 * MIB)
        self.manage("old", "thick")
        made = self.thick / "volume-v1"
        self.assertGreaterEqual(made.stat().st_blocks * 512, 2 * MIB)
        self.assertEqual(b"data", made.read_bytes()[:4])

    def test_refuses_what_is_no_file_of_the_pool(self) -> None:
        backend = self.backend()
        outside = self.root / "outside"
        outside.write_bytes(b"precious")
        (self.thin / "folder").mkdir()
        (self.thin / "link").symlink_to(outside)
        (self.thin / "linked-folder").symlink_to(self.root)
        (self.thin / "empty").touch()
        (self.thin / "two-names").write_bytes(b"x")
        os.link(self.thin / "two-names", self.thick / "other-name")
        os.mkfifo(self.thin / "pipe")
        backend.create_volume(an_attempt(a_volume("v9"), "thin"))
        (self.thin / ".volume-v8.0a1b2c3d.part").write_bytes(b"x")
        before = self.files()
        for source, text in (
            ("../outside", "leads out of the pool"),
            ("folder/../../outside", "leads out of the pool"),
            (str(outside), "leads out of the pool"),
            ("missing", "no file 'missing' in the pool thin"),
            ("missing/file", "no file 'missing/file' in the pool thin"),
            ("folder", "is a folder"),
            ("folder/", "is a folder"),
            (".", "is a folder"),
            ("link", "is a symbolic link"),
            ("linked-folder/outside", "is not a folder of the pool"),
            ("empty/file", "is not a folder of the pool"),
            ("empty", "is empty"),
            ("two-names", "has 2 names"),
            ("pipe", "is a special file"),
            ("volume-v9", "is managed already, as volume v9"),
            (".volume-v8.0a1b2c3d.part", "is being made"),
            ("", "got ''; give the file's path"),
            ("x" * 5000, "expected the path of a file"),
            ("a\0b", "expected the path of a file"),
        ):
            with self.subTest(source=source[:40]), self.assertRaisesRegex(InvalidRequest, text) as caught:
                backend.manage_existing(an_attempt(a_volume("v1", 0), "thin"), {"source-name": source})
            self.assertEqual("source-name", caught.exception.field)
            self.assertEqual(before, self.files())
        self.assertEqual(b"precious", outside.read_bytes())

    def test_refuses_a_reference_of_another_form(self) -> None:
        backend = self.backend()
        for ref in ({}, {"source-id": "1"}, {"source-name": 5}, {"source-name": "a", "source-id": "b"}):
            with self.subTest(ref=ref), self.assertRaisesRegex(InvalidRequest, "give source-name"):
                backend.manage_existing(an_attempt(a_volume("v1", 0), "thin"), ref)  # type: ignore[arg-type]


class TestReport(DirectoryTestCase):
    def test_figures_of_thin_and_thick_pools(self) -> None:
        backend = self.backend()
        backend.create_volume(an_attempt(a_volume("v1", 6), "thin"))
        backend.create_volume(an_attempt(a_volume("v2", 4), "thick"))
        (self.thin / "stray").write_bytes(b"x" * (MIB // 2))
        thin, thick = self.pool(backend, "thin"), self.pool(backend, "thick")
        self.assertEqual((20.0, 6, 6.5, 1), self.figures(thin))
        self.assertEqual((10.0, 4, 4.0, 1), self.figures(thick))
        self.assertEqual(19.5, thin["free_capacity_gb"])
        self.assertEqual(6.0, thick["free_capacity_gb"])
        self.assertEqual((True, False), (thin["thin_provisioning_support"], thin["thick_provisioning_support"]))
        self.assertEqual((False, True), (thick["thin_provisioning_support"], thick["thick_provisioning_support"]))

    def figures(self, pool: dict[str, Any]) -> tuple[float, int, float, int]:
        return (
            pool["total_capacity_gb"],
            pool["allocated_capacity_gb"],
            pool["provisioned_capacity_gb"],
            pool["total_volumes"],
        )

    def test_pool_without_a_size_has_what_its_file_system_has(self) -> None:
        backend = self.backend(pool_size_gb={"thin": 0})
        device = os.statvfs(self.root)
        for name in ("thin", "thick"):
            pool = self.pool(backend, name)
            self.assertAlmostEqual(device.f_blocks * device.f_frsize / MIB, pool["total_capacity_gb"], delta=0.02)
            self.assertAlmostEqual(device.f_bavail * device.f_frsize / MIB, pool["free_capacity_gb"], delta=5000)

    def test_settings_of_the_backend_and_of_single_pools(self) -> None:
        backend = self.backend(
            volume_backend_name="disk1",
            max_over_subscription_ratio="3",
            pool_max_over_subscription_ratio={"thick": "9"},
            reserved_percentage=5,
            pool_reserved_percentage={"thick": 10},
            filter_function="volume.size < 9",
            pool_filter_function=["thick: stats.free_capacity_gb > 1 ? 1 : 0"],
            pool_goodness_function=["thin:50"],
            extra_capabilities={"media": "hdd", "tier": "1"},
            pool_capabilities={"thick/media": "ssd"},
        )
        report = backend.report()
        self.assertEqual(("disk1", "volume.size < 9"), (report["volume_backend_name"], report["filter_function"]))
        thin, thick = report["pools"]
        self.assertEqual(("3", 5, "hdd", "1"), self.settings(thin))
        self.assertEqual((None, 10, "ssd", "1"), self.settings(thick))
        self.assertNotIn("filter_function", thin)
        self.assertEqual("stats.free_capacity_gb > 1 ? 1 : 0", thick["filter_function"])
        self.assertEqual("50", thin["goodness_function"])

    def settings(self, pool: dict[str, Any]) -> tuple[Any, ...]:
        return (
            pool.get("max_over_subscription_ratio"),
            pool["reserved_percentage"],
            pool["media"],
            pool["tier"],
        )

    def test_lost_pool_is_shown_without_room_and_the_others_go_on(self) -> None:
        backend = self.backend()
        shutil.rmtree(self.thin)
        with self.assertLogs("volsched_drivers.backends.directory", "WARNING"):
            report = backend.report()
        thin, thick = report["pools"]
        self.assertEqual(("down", 0), (thin["backend_state"], thin["total_capacity_gb"]))
        self.assertIn("it has vanished: mount its disk", thin["problem"])
        self.assertEqual(("up", 10.0), (thick["backend_state"], thick["total_capacity_gb"]))
        self.assertIn("it has vanished", backend.health() or "")

    def test_backend_that_lost_every_pool_reports_all_of_them_as_down(self) -> None:
        backend = self.backend()
        shutil.rmtree(self.root)
        with self.assertLogs("volsched_drivers.backends.directory", "WARNING"):
            report = backend.report()
        self.assertEqual(["down", "down"], [pool["backend_state"] for pool in report["pools"]])

    def test_pool_that_is_a_link_is_not_followed(self) -> None:
        backend = self.backend()
        shutil.rmtree(self.thin)
        self.thin.symlink_to(self.thick)
        with self.assertRaisesRegex(StorageError, "not a file or a symbolic link|links are not followed"):
            backend.create_volume(an_attempt(a_volume(), "thin"))

    def test_files_in_folders_count_and_links_do_not(self) -> None:
        backend = self.backend()
        (self.thin / "sub").mkdir()
        (self.thin / "sub" / "file").write_bytes(b"x" * MIB)
        (self.thin / "sub" / "link").symlink_to(self.thick)
        backend.create_volume(an_attempt(a_volume("v2", 4), "thick"))
        self.assertEqual(1.0, self.pool(backend, "thin")["provisioned_capacity_gb"])


class TestParts(DirectoryTestCase):
    def test_part_that_nobody_works_on_is_swept_up_and_never_counted(self) -> None:
        backend = self.backend()
        part = self.thin / ".volume-v1.00112233.part"
        part.write_bytes(b"x" * MIB)
        report = self.pool(backend, "thin")
        self.assertEqual((0, 0), (report["provisioned_capacity_gb"], report["total_volumes"]))
        self.assertEqual([], self.files())

    def test_killed_process_leaves_no_half_made_volume(self) -> None:
        backend = self.backend(pool_size_gb={})
        program = (
            "import sys\n"
            "from tests.unit.drivers.backends.test_directory import MIB, a_volume, an_attempt\n"
            "from volsched_drivers.backends.directory import DirectoryBackend\n"
            "backend = DirectoryBackend(path=sys.argv[1], pools=['thick'], thick_pools=['thick'], unit_bytes=MIB)\n"
            "backend.identify({})\n"
            "for number in range(100000):\n"
            "    backend.create_volume(an_attempt(a_volume(f'k{number}', 4), 'thick'))\n"
            "    print(number, flush=True)\n"
            "    backend.delete_volume(an_attempt(a_volume(f'k{number - 3}'), 'thick'))\n"
        )
        for count in (1, 2, 5, 11):
            with self.subTest(count=count):
                made = subprocess.Popen([sys.executable, "-c", program, str(self.root)], stdout=subprocess.PIPE)
                assert made.stdout is not None
                with made.stdout:
                    for _ in range(count):
                        made.stdout.readline()
                    made.send_signal(signal.SIGKILL)
                    made.wait()
                report = self.pool(backend, "thick")
                names = sorted(path.name for path in self.thick.iterdir() if path.name != MARKER)
                self.assertTrue(all(name.startswith("volume-k") for name in names), names)
                self.assertEqual(4 * len(names), report["allocated_capacity_gb"])
                for name in names:
                    facts = (self.thick / name).stat()
                    self.assertEqual(4 * MIB, facts.st_size)
                    self.assertGreaterEqual(facts.st_blocks * 512, 4 * MIB)
                    backend.delete_volume(an_attempt(a_volume(name.removeprefix("volume-")), "thick"))


class TestManySteps(DirectoryTestCase):
    """The backend against the simplest model of it: a dict of sizes."""

    @hypothesis.settings(max_examples=40)
    @hypothesis.given(strategies.data())
    def test_figures_are_those_of_the_volumes_whatever_was_done(self, data: strategies.DataObject) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        backend = self.backend()
        sizes: dict[tuple[str, str], int] = {}
        steps = strategies.tuples(
            strategies.sampled_from(["create", "delete", "extend"]),
            strategies.sampled_from(["thin", "thick"]),
            strategies.sampled_from(["a", "b", "c"]),
            strategies.integers(1, 6),
        )
        for act, pool, id, size in data.draw(strategies.lists(steps, max_size=12)):
            used = sum(had for (where, _), had in sizes.items() if where == pool)
            had = sizes.get((pool, id))
            grows = size if act == "create" and had is None else size - (had or 0)
            fits = pool == "thin" or used + grows <= 10
            try:
                if act == "create":
                    backend.create_volume(an_attempt(a_volume(id, size), pool))
                    sizes[pool, id] = had or size
                elif act == "delete":
                    backend.delete_volume(an_attempt(a_volume(id), pool))
                    sizes.pop((pool, id), None)
                else:
                    backend.extend_volume(an_attempt(a_volume(id, had or 1), pool), size)
                    sizes[pool, id] = size
            except StorageError:
                self.assertTrue(not fits or (had is None and act == "extend") or (act == "create" and had < size))
            except InvalidRequest:
                self.assertTrue(act == "extend" and had is not None and had > size)
        for pool in ("thin", "thick"):
            report = self.pool(backend, pool)
            total = sum(size for (where, _), size in sizes.items() if where == pool)
            self.assertEqual((total, total), (report["allocated_capacity_gb"], report["provisioned_capacity_gb"]))
        self.assertEqual(sorted(f"{pool}/volume-{id}" for pool, id in sizes), self.files())

    @hypothesis.given(strategies.lists(strategies.sampled_from(["..", ".", "", "a", "link", "thick", "precious"])))
    def test_no_reference_leads_out_of_the_pool(self, steps: list[str]) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        backend = self.backend()
        (self.thin / "a").mkdir()
        (self.thin / "a" / "a").write_bytes(b"x")
        (self.thin / "link").symlink_to("..")
        (self.root / "precious").write_bytes(b"precious")
        (self.thick / "precious").write_bytes(b"precious")
        try:
            managed = backend.manage_existing(an_attempt(a_volume("v1", 0), "thin"), {"source-name": "/".join(steps)})
        except InvalidRequest:
            self.assertTrue((self.thin / "a" / "a").exists())
        else:
            self.assertEqual(["a", "a"], [step for step in steps if step not in ("", ".")])
            self.assertEqual(b"x".ljust(MIB, b"\0"), Path(managed.provider_location).read_bytes())
        for folder in (self.root, self.thick):
            self.assertEqual(b"precious", (folder / "precious").read_bytes())


class TestTrouble(DirectoryTestCase):
    def test_limit_of_the_process_leaves_no_part(self) -> None:
        backend = self.backend(pool_size_gb={})
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))
        try:
            for pool in ("thin", "thick"):
                with self.subTest(pool=pool), self.assertRaisesRegex(StorageError, "File too large"):
                    backend.create_volume(an_attempt(a_volume(), pool))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertEqual([], self.files())

    @unittest.skipIf(os.geteuid() != 0, "mounting a small file system needs root")
    def test_full_disk_leaves_no_part_and_no_growth(self) -> None:
        self.root.mkdir()
        # Where root is not allowed to mount either (a container), there is no full disk to be had.
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(self.root)], capture_output=True, check=False
        )
        if mounted.returncode:
            self.skipTest(f"mount: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", str(self.root)], check=True)
        backend = self.backend(pool_size_gb={})
        backend.create_volume(an_attempt(a_volume("v1", 2), "thick"))
        with self.assertRaisesRegex(StorageError, "making volume-v2 in .*thick: No space left.*free space"):
            backend.create_volume(an_attempt(a_volume("v2", 3), "thick"))
        with self.assertRaisesRegex(StorageError, "growing volume-v1 in .*thick: No space left.*free space"):
            backend.extend_volume(an_attempt(a_volume("v1", 2), "thick"), 5)
        self.assertEqual(["thick/volume-v1"], self.files())
        self.assertEqual(2 * MIB, (self.thick / "volume-v1").stat().st_size)
        self.assertEqual(4.0, self.pool(backend, "thick")["total_capacity_gb"])
        self.assertLessEqual(self.pool(backend, "thick")["free_capacity_gb"], 2.0)

    @unittest.skipIf(os.geteuid() != 0, "only root can become another user")
    def test_unwritable_directory_is_named(self) -> None:
        self.backend()
        for folder in (self.root, self.root.parent):
            folder.chmod(0o755)
        self.thin.chmod(0o555)
        program = (
            "import os, sys\n"
            "from tests.unit.drivers.backends.test_directory import MIB, a_volume, an_attempt\n"
            "from volsched_drivers.backends.directory import DirectoryBackend\n"
            "os.setuid(65534)\n"
            "backend = DirectoryBackend(path=sys.argv[1], pools=['thin'], unit_bytes=MIB)\n"
            "try:\n"
            "    backend.create_volume(an_attempt(a_volume(), 'thin'))\n"
            "except Exception as problem:\n"
            "    print(type(problem).__name__, problem)\n"
        )
        told = subprocess.run(
            [sys.executable, "-c", program, str(self.root)], capture_output=True, text=True, check=True
        ).stdout
        self.assertRegex(told, "StorageError .*making volume-v1 in .*thin: Permission denied; let the agent's user")


class TestOptions(TestCase):
    def test_every_problem_at_once(self) -> None:
        backend = DirectoryBackend(
            path="relative",
            pools=["a", "a", "../b", ""],
            thick_pools=["c"],
            pool_size_gb={"a": -1, "d": 5},
            max_over_subscription_ratio="0.5",
            pool_max_over_subscription_ratio={"a": "many"},
            reserved_percentage=101,
            filter_function="volume.size >",
            pool_filter_function=["no colon", "e: 1"],
            pool_goodness_function=["a: 5 5"],
            extra_capabilities={"pool_name": "x"},
            pool_capabilities={"f/media": "ssd"},
            unit_bytes=1,
        )
        problems = "\n".join(backend.validate())
        for text in (
            "path 'relative' is not absolute",
            "'../b' is no pool name",
            "'' is no pool name",
            "'a' is named more than once",
            "thick_pools: 'c'",
            "pool_size_gb: 'd'",
            "pool_size_gb: -1 of 'a'",
            "max_over_subscription_ratio: '0.5'",
            "pool_max_over_subscription_ratio of 'a': 'many' is no ratio",
            "reserved_percentage: 101",
            "pool_filter_function: 'no colon' is no pool's expression",
            "pool_filter_function: 'e'",
            "filter_function: expression 'volume.size >' at character 14",
            "pool_goodness_function: expression '5 5' at character 3",
            "'pool_name' cannot be given here",
            "pool_capabilities: 'f'",
            "unit_bytes: 1 is too small",
        ):
            with self.subTest(text=text):
                self.assertIn(text, problems)

    def test_no_pools(self) -> None:
        self.assertIn("pools is empty: name at least one pool", DirectoryBackend(path="/x", pools=[]).validate())

    def test_constructor_does_no_io_and_identify_makes_the_folders(self) -> None:
        path = self.folder() / "new" / "disk"
        backend = DirectoryBackend(path=str(path), pools=["p"])
        self.assertFalse(path.exists())
        backend.start()
        self.assertFalse(path.exists())
        backend.identify({})
        backend.identify({})
        self.assertTrue((path / "p").is_dir())
        backend.stop()
        self.assertIsNone(backend.health())

    def test_options_are_read_as_the_configuration_gives_them(self) -> None:
        from oslo_config import cfg

        text = """
[backend_disk1]
path = /srv/volsched
pools = gold, silver
thick_pools = gold
pool_size_gb = gold:500, silver:20.5
pool_max_over_subscription_ratio = silver:2.5
pool_reserved_percentage = gold:10
pool_filter_function = gold: min(volume.size, 3) >= 10
pool_filter_function = silver: max(1, 2) > 1
extra_capabilities = media:ssd,tier:1
pool_capabilities = gold/media:nvme
"""
        file = self.folder() / "volsched.conf"
        file.write_text(text)
        conf = cfg.ConfigOpts()
        options = DirectoryBackend.config_opts()
        conf.register_opts(options, "backend_disk1")
        conf(["--config-file", str(file)], project="volsched-test", default_config_files=[], default_config_dirs=[])
        values = {option.dest: conf.backend_disk1[option.dest] for option in options}
        backend = DirectoryBackend(**values)
        self.assertEqual([], backend.validate())
        self.assertEqual({"gold": 500.0, "silver": 20.5}, backend.sizes)
        self.assertEqual({"silver": "2.5"}, backend.ratios)
        self.assertEqual({"gold/media": "nvme"}, backend.extra_of)
        self.assertEqual(2, len(backend.function_lines["filter_function"]))
        self.assertTrue(all(option.help for option in options))
