"""Markers of pools: a lost mount and another disk are recognized, and nothing is written to the wrong one."""

from __future__ import annotations

import shutil
from typing import Any

from tests.unit.drivers.backends.test_directory import MARKER, MIB, DirectoryTestCase, a_volume
from volsched.exceptions import StorageError
from volsched.plugins import ANY_STORAGE
from volsched.testing import an_attempt
from volsched_drivers.backends.directory import DirectoryBackend


class TestMarkers(DirectoryTestCase):
    def disk(self) -> DirectoryBackend:
        """A backend that was not told any ids yet."""
        return DirectoryBackend(path=str(self.root), pools=["thin"], unit_bytes=MIB)

    def state(self, backend: DirectoryBackend) -> tuple[str, str]:
        (pool,) = backend.report()["pools"]
        return pool["backend_state"], pool.get("problem", "")

    def down(self, backend: DirectoryBackend, words: str) -> None:
        with self.assertLogs("volsched_drivers.backends.directory", "WARNING"):
            state, problem = self.state(backend)
        self.assertEqual("down", state)
        self.assertIn(words, problem)
        attempt: Any = an_attempt(a_volume(), "thin")
        for act in (backend.create_volume, backend.delete_volume):
            with self.assertRaisesRegex(StorageError, words):
                act(attempt)
        with self.assertRaisesRegex(StorageError, words):
            list(backend.list_volumes())

    def test_new_pool_is_marked_once(self) -> None:
        first = self.disk().identify({})
        self.assertTrue(first["thin"])
        self.assertEqual(f"{first['thin']}\n", (self.thin / MARKER).read_text())
        self.assertEqual(first, self.disk().identify({}))
        self.assertEqual(first, self.disk().identify(first))

    def test_lost_mount_takes_the_pool_down_and_is_not_made_anew(self) -> None:
        backend = self.disk()
        ids = backend.identify({})
        self.thin.rename(self.root / "unplugged")
        self.assertEqual({"thin": None}, backend.identify(ids))
        self.down(backend, "it has vanished: mount its disk")
        self.assertFalse(self.thin.exists())
        self.thin.mkdir()  # the folder that was mounted on
        self.assertEqual({"thin": None}, backend.identify(ids))
        self.down(backend, "got none; mount the pool's disk there")
        self.assertEqual([], list(self.thin.iterdir()))
        self.thin.rmdir()
        (self.root / "unplugged").rename(self.thin)
        self.assertEqual(ids, backend.identify(ids))
        self.assertEqual(("up", ""), self.state(backend))

    def test_mount_that_is_lost_between_two_reports_is_noticed_by_the_next_operation(self) -> None:
        backend = self.disk()
        backend.identify({})
        shutil.rmtree(self.thin)
        self.thin.mkdir()
        with self.assertRaisesRegex(StorageError, "expected the marker .volsched-pool with the id .*, got none"):
            backend.create_volume(an_attempt(a_volume(), "thin"))
        self.assertEqual([], list(self.thin.iterdir()))

    def test_storage_of_another_pool_is_refused(self) -> None:
        self.disk().identify({})
        backend = self.disk()
        self.assertNotEqual({"thin": "an-id"}, backend.identify({"thin": "an-id"}))
        self.down(backend, "with the id an-id, got ")

    def test_marker_that_cannot_be_read_is_none_of_the_pool(self) -> None:
        backend = self.disk()
        ids = backend.identify({})
        (self.thin / MARKER).write_bytes(b"\xff\x00")
        self.assertEqual({"thin": "unreadable"}, backend.identify(ids))
        self.down(backend, "got unreadable")

    def test_new_pool_with_files_of_others_needs_the_operator(self) -> None:
        self.thin.mkdir(parents=True)
        (self.thin / "letters").write_text("private")
        backend = self.disk()
        self.assertEqual({"thin": None}, backend.identify({}))
        self.down(backend, "accept this folder: volsched pool adopt POOL")
        self.assertTrue(backend.identify({"thin": ANY_STORAGE})["thin"])
        self.assertEqual(("up", ""), self.state(backend))

    def test_empty_file_system_is_a_new_pool(self) -> None:
        (self.thin / "lost+found").mkdir(parents=True)
        self.assertTrue(self.disk().identify({})["thin"])

    def test_pool_of_version_0_1_is_marked_and_its_files_are_filled_up(self) -> None:
        self.thin.mkdir(parents=True)
        (self.thin / "volume-v1").write_bytes(b"x" * (2 * MIB + 1))
        backend = self.disk()
        ids = backend.identify({})
        self.assertTrue(ids["thin"])
        self.assertEqual(b"x" * (2 * MIB + 1) + bytes(MIB - 1), (self.thin / "volume-v1").read_bytes())
        (stored,) = backend.list_volumes()
        self.assertEqual(("v1", "thin", 3.0), (stored.id, stored.pool, stored.size_gb))

    def test_marker_is_neither_counted_nor_taken_over(self) -> None:
        backend = self.disk()
        backend.identify({})
        (pool,) = backend.report()["pools"]
        self.assertEqual((0, 0.0), (pool["total_volumes"], pool["provisioned_capacity_gb"]))
        with self.assertRaisesRegex(Exception, "identifies the pool"):
            backend.manage_existing(an_attempt(a_volume(), "thin"), {"source-name": MARKER})
