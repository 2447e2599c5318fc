"""Attempts that were stopped between asking for the lease and the next step, for longer than the lease lasted.

`check` stands for the moment: the attempt is the holder when it asks, and everything that others do until it goes on
happens inside the call.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.drivers.backends.test_directory import MARKER, MIB, DirectoryTestCase, a_volume
from volsched.exceptions import DatabaseUnavailable, LeaseLost, StorageError, StorageMismatch
from volsched.plugins import Attempt
from volsched.testing import an_attempt
from volsched_drivers.backends import attempt_files, files


class AttemptsTestCase(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.disk = self.backend()

    def attempt(
        self, number: int = 1, work: str = "work", size_gb: int = 3, pool: str = "thin", **more: Any
    ) -> Attempt:
        return an_attempt(a_volume(size_gb=size_gb), pool, number, work_id=work, **more)

    def stopped(self, *others: Callable[[], object], work: str = "work", at: int = 1, **more: Any) -> Attempt:
        """The first attempt at a work item, which is stopped after it asked for its lease the `at`th time."""
        asked: list[int] = []

        def check() -> None:
            asked.append(1)
            if len(asked) == at:
                for act in others:
                    act()

        return self.attempt(work=work, check=check, **more)


class TestStoppedAttempts(AttemptsTestCase):
    def test_create_does_not_make_a_deleted_volume_again(self) -> None:
        for pool in ("thin", "thick"):
            with self.subTest(pool=pool), self.assertRaisesRegex(LeaseLost, "removed the unpublished file"):
                self.disk.create_volume(
                    self.stopped(
                        lambda: self.disk.create_volume(self.attempt(2, pool=pool)),  # noqa: B023
                        lambda: self.disk.delete_volume(self.attempt(1, "delete", pool=pool)),  # noqa: B023
                        pool=pool,
                    )
                )
            self.assertEqual([], self.files())

    def test_snapshot_is_not_taken_again_after_its_deletion(self) -> None:
        self.disk.create_volume(self.attempt())
        with self.assertRaises(LeaseLost):
            self.disk.snapshot(
                self.stopped(
                    lambda: self.disk.snapshot(self.attempt(2, "snapshot"), "s1"),
                    lambda: self.disk.delete_snapshot(self.attempt(1, "delete-snapshot"), "s1"),
                    work="snapshot",
                ),
                "s1",
            )
        self.assertEqual(["thin/volume-v1"], self.files())

    def test_clear_of_a_move_does_not_remove_a_volume_that_was_moved_back(self) -> None:
        self.disk.create_volume(self.attempt())
        with self.assertRaises(LeaseLost):
            self.disk.delete_volume(
                self.stopped(
                    lambda: self.disk.delete_volume(self.attempt(2, "clear")),
                    lambda: self.disk.create_volume(self.attempt(1, "moved back")),
                    lambda: (self.thin / "volume-v1").write_bytes(b"the only copy"),
                    work="clear",
                )
            )
        self.assertEqual(["thin/volume-v1"], self.files())
        self.assertEqual(b"the only copy", (self.thin / "volume-v1").read_bytes())

    def test_manage_replaces_and_removes_nothing(self) -> None:
        for at in (1, 2):
            with self.subTest(stopped_after_check=at):
                self.disk.delete_volume(self.attempt(1, "delete"))
                source = self.thin / "old"
                source.write_bytes(b"first".ljust(MIB))

                def others(source: Path = source) -> None:
                    self.disk.manage_existing(self.attempt(2, "manage"), {"source-name": "old"})
                    (self.thin / "volume-v1").write_bytes(b"live".ljust(MIB))
                    source.write_bytes(b"another file")

                with self.assertRaises(LeaseLost):
                    self.disk.manage_existing(self.stopped(others, work="manage", at=at), {"source-name": "old"})
                self.assertEqual(["thin/old", "thin/volume-v1"], self.files())
                self.assertEqual(b"another file", source.read_bytes())
                self.assertTrue((self.thin / "volume-v1").read_bytes().startswith(b"live"))
                source.unlink()

    def test_extend_does_not_cut_a_volume_that_has_grown_further(self) -> None:
        for pool, folder in (("thin", self.thin), ("thick", self.thick)):
            with self.subTest(pool=pool):
                self.disk.create_volume(self.attempt(pool=pool))

                def others(pool: str = pool, path: Path = folder / "volume-v1") -> None:
                    self.disk.extend_volume(self.attempt(2, "extend", pool=pool), 4)
                    self.disk.extend_volume(self.attempt(1, "extend more", size_gb=4, pool=pool), 5)
                    path.write_bytes(b"x" * (5 * MIB))

                self.disk.extend_volume(self.stopped(others, work="extend", pool=pool), 4)
                self.assertEqual(b"x" * (5 * MIB), (folder / "volume-v1").read_bytes())

    def test_file_that_was_replaced_by_hand_is_put_back(self) -> None:
        self.disk.create_volume(self.attempt())

        def replace_it() -> None:
            (self.thin / "volume-v1").rename(self.root / "kept")
            (self.thin / "volume-v1").write_bytes(b"put there by hand")

        with self.assertRaisesRegex(LeaseLost, "volume-v1 was replaced by another file"):
            self.disk.delete_volume(self.stopped(replace_it, work="delete"))
        self.assertEqual(b"put there by hand", (self.thin / "volume-v1").read_bytes())
        self.assertEqual(["kept", "thin/volume-v1"], self.files())

    def test_where_names_cannot_be_exchanged_the_file_is_compared(self) -> None:
        real = attempt_files.exchange

        def unable(*names: Any) -> None:
            raise OSError(errno.EINVAL, "as NFS answers")

        attempt_files.exchange = unable
        self.addCleanup(setattr, attempt_files, "exchange", real)
        self.disk.create_volume(self.attempt())
        self.disk.delete_volume(self.attempt(1, "delete"))
        self.assertEqual([], self.files())
        self.disk.create_volume(self.attempt())

        def replace_it() -> None:
            (self.thin / "volume-v1").rename(self.root / "kept")
            (self.thin / "volume-v1").write_bytes(b"moved back")

        with self.assertRaises(LeaseLost):
            self.disk.delete_volume(self.stopped(replace_it, work="delete"))
        self.assertEqual(b"moved back", (self.thin / "volume-v1").read_bytes())


class TestKilledAttempts(AttemptsTestCase):
    def killed(self, act: Callable[[Attempt], object], at: int = 1, **more: Any) -> None:
        """Act for an attempt whose process is killed when it asks for the lease: nothing is cleared away."""
        process_ends = KeyboardInterrupt
        unlink, rmdir = attempt_files.AttemptFiles._unlink, attempt_files.AttemptFiles._rmdir

        def die() -> None:
            attempt_files.AttemptFiles._unlink = attempt_files.AttemptFiles._rmdir = lambda *names: None  # type: ignore
            raise process_ends

        try:
            with self.assertRaises(process_ends):
                act(self.stopped(die, at=at, **more))
        finally:
            attempt_files.AttemptFiles._unlink, attempt_files.AttemptFiles._rmdir = unlink, rmdir  # type: ignore

    def hidden(self) -> list[str]:
        return sorted(path.name for path in self.thin.iterdir() if path.name.startswith(".volume"))

    def test_next_attempt_removes_what_is_left(self) -> None:
        self.killed(self.disk.create_volume)
        self.assertEqual(1, len(self.hidden()))
        self.disk.create_volume(self.attempt(2))
        self.assertEqual([], self.hidden())
        self.killed(self.disk.delete_volume, work="delete")
        self.assertEqual(1, len(self.hidden()))
        self.disk.delete_volume(self.attempt(2, "delete"))
        self.assertEqual([], [path for path in self.thin.iterdir() if path.name != MARKER])

    def test_removal_that_was_interrupted_is_completed(self) -> None:
        self.disk.create_volume(self.attempt())
        gone = self.thin / f".volume-v1.{self.attempt(1, 'delete').generation}.gone"
        (self.thin / "volume-v1").rename(gone)
        (self.thin / "volume-v1").mkdir()
        self.disk.delete_volume(self.attempt(2, "delete"))
        self.assertEqual([], [path for path in self.thin.iterdir() if path.name != MARKER])

    def test_manage_that_was_interrupted_is_completed(self) -> None:
        for at in (1, 2):
            with self.subTest(killed_at_check=at):
                (self.thin / "old").write_bytes(b"data".ljust(MIB))
                self.killed(
                    lambda attempt: self.disk.manage_existing(attempt, {"source-name": "old"}), work="manage", at=at
                )
                managed = self.disk.manage_existing(self.attempt(2, "manage"), {"source-name": "old"})
                self.assertEqual(1, managed.size_gb)
                self.assertEqual(["volume-v1"], [path.name for path in self.thin.iterdir() if path.name != MARKER])
                self.disk.delete_volume(self.attempt(1, "delete"))


class TestLostLease(AttemptsTestCase):
    def test_database_that_cannot_be_asked_stops_the_step_as_well(self) -> None:
        self.disk.create_volume(self.attempt())

        def away() -> None:
            raise DatabaseUnavailable("the database is away")

        with self.assertRaises(DatabaseUnavailable):
            self.disk.delete_volume(self.attempt(1, "delete", check=away))
        self.assertEqual(["thin/volume-v1"], self.files())


class TestSizes(AttemptsTestCase):
    def test_volume_that_was_cut_is_not_extended_copied_or_moved(self) -> None:
        self.disk.create_volume(self.attempt())
        path = self.thin / "volume-v1"
        path.write_bytes(b"x" * 5)
        other = self.attempt(work="other").of(a_volume("v2"))
        for act in (
            lambda: self.disk.extend_volume(self.attempt(), 5),
            lambda: self.disk.snapshot(self.attempt(), "s1"),
            lambda: self.disk.clone(other, a_volume()),
            lambda: self.disk.offer(self.attempt()),
        ):
            with self.assertRaisesRegex(StorageMismatch, "expected at least 3145728 bytes, got 5; restore") as caught:
                act()
            self.assertEqual((3 * MIB, 5), (caught.exception.expected_bytes, caught.exception.found_bytes))
        self.assertEqual(["thin/volume-v1"], self.files())
        self.assertEqual(b"x" * 5, path.read_bytes())
        self.disk.delete_volume(self.attempt())
        self.assertEqual([], self.files())


class TestLock(AttemptsTestCase):
    def test_process_that_never_unlocks_a_pool_does_not_stop_the_others(self) -> None:
        real = files.LOCK_SECONDS
        files.LOCK_SECONDS = 0.0
        self.addCleanup(setattr, files, "LOCK_SECONDS", real)
        folder = os.open(self.thick, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        with self.assertLogs("volsched_drivers.backends.files", "WARNING") as said:
            self.disk.create_volume(self.attempt(pool="thick"))
        self.assertIn("thick has been locked by another process", said.output[0])
        self.assertEqual(["thick/volume-v1"], self.files())

    def test_room_of_what_is_being_made_is_taken(self) -> None:
        """The limit is 10 units: while 6 of them are being made, 4 are left."""
        refused: list[str] = []

        def another() -> None:
            try:
                self.disk.create_volume(self.attempt(work="other", size_gb=5, pool="thick").of(a_volume("v2", 5)))
            except StorageError as problem:
                refused.append(problem.problem)

        self.disk.create_volume(self.stopped(another, size_gb=6, pool="thick"))
        self.assertIn("5242880 bytes asked, 4194304 left in the pool", refused[0])
        self.assertEqual(["thick/volume-v1"], self.files())
