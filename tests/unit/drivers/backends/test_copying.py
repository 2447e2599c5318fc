"""Files copied block by block, and what the directory backend makes of it: moves, snapshots, clones."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import TestCase
from volsched.exceptions import InvalidRequest, StorageError
from volsched.model.volume import Volume, VolumeStatus
from volsched.testing import an_attempt
from volsched_drivers.backends import copying
from volsched_drivers.backends.copying import BLOCK
from volsched_drivers.backends.directory import DirectoryBackend
from volsched_drivers.backends.marker import NAME as MARKER

MIB = 1024**2


def a_volume(id: str = "v1", size_gb: int = 3, **more: Any) -> Volume:
    return Volume(id=id, project_id="p1", user_id="u1", size_gb=size_gb, status=VolumeStatus.AVAILABLE, **more)


class TestCopying(TestCase):
    def opened(self, data: bytes = b"", size: int = 0) -> int:
        file = os.open(self.folder() / "file", os.O_RDWR | os.O_CREAT)
        self.addCleanup(os.close, file)
        os.write(file, data)
        os.ftruncate(file, max(size, len(data)))
        return file

    def test_what_is_copied_is_the_same_and_holes_stay_holes(self) -> None:
        size = 40 * BLOCK
        source, target = self.opened(size=size), self.opened(size=size)
        pieces = {0: b"start", 7 * BLOCK - 2: b"across", size - 3: b"end"}
        for at, data in pieces.items():
            os.pwrite(source, data, at)
        self.assertEqual(copying.copy(source, target), copying.fingerprint(source))
        self.assertEqual(copying.fingerprint(source), copying.from_disk(target))
        for at, data in pieces.items():
            self.assertEqual(data, os.pread(target, len(data), at))
        self.assertLessEqual(os.fstat(target).st_blocks * 512, 5 * BLOCK)

    def test_zeros_that_are_written_out_take_no_room_in_the_copy(self) -> None:
        source, target = self.opened(bytes(4 * BLOCK)), self.opened(size=4 * BLOCK)
        copying.copy(source, target)
        self.assertEqual(0, os.fstat(target).st_blocks)

    def test_the_fingerprint_tells_where_what_is(self) -> None:
        def of(*pieces: tuple[int, bytes]) -> bytes:
            file = self.opened(size=3 * BLOCK)
            for at, data in pieces:
                os.pwrite(file, data, at)
            return copying.fingerprint(file)

        different = [of(), of((0, b"a")), of((1, b"a")), of((BLOCK, b"a")), of((0, b"a"), (BLOCK, b"a")), of((0, b"b"))]
        self.assertEqual(len(different), len(set(different)))
        self.assertEqual(of((0, b"a")), of((0, b"a\0\0")))

    @given(st.lists(st.tuples(st.integers(0, 3 * BLOCK), st.binary(min_size=1, max_size=64)), max_size=6))
    def test_any_content(self, pieces: list[tuple[int, bytes]]) -> None:
        size = 3 * BLOCK + 64
        source, target = os.memfd_create("source"), os.memfd_create("target")
        try:
            os.ftruncate(source, size)
            os.ftruncate(target, size + 5)
            for at, data in pieces:
                os.pwrite(source, data, at)
            self.assertEqual(copying.copy(source, target), copying.fingerprint(target))
            self.assertEqual(os.pread(source, size, 0), os.pread(target, size, 0))
        finally:
            os.close(source)
            os.close(target)


class DirectoryTestCase(TestCase):
    def setUp(self) -> None:
        self.root = self.folder()
        self.backend = self.directory("here")

    def directory(self, name: str, **options: Any) -> DirectoryBackend:
        given: dict[str, Any] = {"pools": ["thin", "thick"], "thick_pools": ["thick"], "unit_bytes": MIB}
        backend = DirectoryBackend(path=str(self.root / name), **{**given, "pool_size_gb": {"thick": 10.0}, **options})
        self.assertEqual([], backend.validate())
        backend.start()
        backend.identify({})
        return backend

    def made(self, id: str = "v1", size_gb: int = 3, pool: str = "thin", content: bytes = b"content") -> Volume:
        volume = a_volume(id, size_gb)
        path = Path(self.backend.create_volume(an_attempt(volume, pool)))
        with path.open("r+b") as file:
            file.write(content)
        return volume

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file() and path.name != MARKER
        )


class TestMigrate(DirectoryTestCase):
    def test_between_pools_and_between_backends(self) -> None:
        volume, there = self.made(), self.directory("there")
        offer = self.backend.offer(an_attempt(volume, "thin"))
        for backend, pool in ((self.backend, "thick"), (there, "thin"), (there, "thick")):
            with self.subTest(backend=backend.path, pool=pool):
                place = Path(backend.migrate(an_attempt(volume, pool), offer))
                self.assertEqual(Path(backend.path) / pool / "volume-v1", place)
                self.assertEqual(b"content".ljust(3 * MIB, b"\0"), place.read_bytes())
                held = place.stat().st_blocks * 512
                self.assertTrue(held >= 3 * MIB if pool == "thick" else held <= BLOCK, held)
        self.assertEqual(4, len(self.files()))

    def test_again_is_harmless_but_what_is_there_must_be_the_same(self) -> None:
        volume = self.made()
        offer = self.backend.offer(an_attempt(volume, "thin"))
        place = Path(self.backend.migrate(an_attempt(volume, "thick"), offer))
        self.assertEqual(str(place), self.backend.migrate(an_attempt(volume, "thick"), offer))
        place.write_bytes(b"other".ljust(3 * MIB))
        with self.assertRaisesRegex(StorageError, "volume-v1 is there already, and holds something else"):
            self.backend.migrate(an_attempt(volume, "thick"), offer)
        self.assertTrue(place.read_bytes().startswith(b"other"))

    def test_offers_that_it_cannot_take(self) -> None:
        volume = self.made()
        offer = dict(self.backend.offer(an_attempt(volume, "thin")))
        cases = {
            "a directory backend cannot read from a backend of kind 'iscsi'": {"kind": "iscsi"},
            "a file of machine 'elsewhere', which cannot be read": {"machine": "elsewhere"},
            "unit_bytes is 4096 there and 1048576 here": {"unit_bytes": "4096"},
        }
        for words, change in cases.items():
            with self.subTest(words), self.assertRaisesRegex(InvalidRequest, words):
                self.backend.migrate(an_attempt(volume, "thick"), {**offer, **change})
        for words, change in (
            ("No such file", {"path": "/nowhere"}),
            ("not the file that was offered", {"file": "0:0"}),
        ):
            with self.subTest(words), self.assertRaisesRegex(StorageError, words):
                self.backend.migrate(an_attempt(volume, "thick"), {**offer, **change})
        self.assertEqual(["here/thin/volume-v1"], self.files())
        self.assertEqual(socket.gethostname(), offer["machine"])

    def test_a_link_in_place_of_the_file_that_was_offered_is_not_followed(self) -> None:
        volume = self.made()
        offer = self.backend.offer(an_attempt(volume, "thin"))
        path = Path(offer["path"])
        path.rename(path.with_name("moved"))
        path.symlink_to(path.with_name("moved"))
        with self.assertRaisesRegex(StorageError, "to be copied: Too many levels of symbolic links"):
            self.backend.migrate(an_attempt(volume, "thick"), offer)

    def test_a_full_pool_refuses_and_nothing_is_left(self) -> None:
        volume = self.made("v1", 6)
        self.backend.create_volume(an_attempt(a_volume("v2", 5), "thick"))
        with self.assertRaisesRegex(StorageError, "6291456 bytes asked, 5242880 left in the pool"):
            self.backend.migrate(an_attempt(volume, "thick"), self.backend.offer(an_attempt(volume, "thin")))
        self.assertEqual(["here/thick/volume-v2", "here/thin/volume-v1"], self.files())

    def test_what_is_written_to_meanwhile_is_not_copied(self) -> None:
        volume = self.made()
        offer = self.backend.offer(an_attempt(volume, "thin"))
        real = copying.from_disk

        def write_first(file: int) -> bytes:
            with Path(offer["path"]).open("r+b") as source:
                source.write(b"changed")
            return real(file)

        copying.from_disk = write_first
        self.addCleanup(setattr, copying, "from_disk", real)
        with self.assertRaisesRegex(StorageError, "was written to meanwhile: stop its users"):
            self.backend.migrate(an_attempt(volume, "thick"), offer)
        self.assertEqual(["here/thin/volume-v1"], self.files())

    def test_a_disk_that_does_not_keep_what_is_written_is_found_out(self) -> None:
        volume = self.made()
        real = copying.from_disk

        def spoil(file: int) -> bytes:
            os.pwrite(file, b"spoilt", 1)
            return real(file)

        copying.from_disk = spoil
        self.addCleanup(setattr, copying, "from_disk", real)
        with self.assertRaisesRegex(StorageError, "does not hold what was written"):
            self.backend.migrate(an_attempt(volume, "thick"), self.backend.offer(an_attempt(volume, "thin")))
        self.assertEqual(["here/thin/volume-v1"], self.files())

    def test_one_folder_under_two_names(self) -> None:
        volume = self.made()
        os.link(self.root / "here/thin/volume-v1", self.root / "here/thick/volume-v1")
        with self.assertRaisesRegex(StorageError, "the two pools are one folder"):
            self.backend.migrate(an_attempt(volume, "thick"), self.backend.offer(an_attempt(volume, "thin")))


class TestSnapshots(DirectoryTestCase):
    def test_a_snapshot_keeps_what_the_volume_held(self) -> None:
        for pool in ("thin", "thick"):
            with self.subTest(pool):
                volume = self.made(f"of-{pool}", 2, pool)
                self.backend.snapshot(an_attempt(volume, pool), f"s-{pool}")
                path = self.root / "here" / pool / f"volume-{volume.id}"
                path.write_bytes(b"later".ljust(2 * MIB))
                self.backend.snapshot(an_attempt(volume, pool), f"s-{pool}")  # done again: the one that is there stays
                made = a_volume(f"new-{pool}", 3)
                place = Path(self.backend.create_from_snapshot(an_attempt(made, pool), f"s-{pool}"))
                self.assertEqual(b"content".ljust(3 * MIB, b"\0"), place.read_bytes())
                self.assertEqual(str(place), self.backend.create_from_snapshot(an_attempt(made, pool), f"s-{pool}"))
                for _ in range(2):
                    self.backend.delete_snapshot(an_attempt(volume, pool), f"s-{pool}")
                self.assertFalse((self.root / "here" / pool / f"snapshot-s-{pool}").exists())

    def test_it_counts_as_room_taken_and_not_as_a_volume(self) -> None:
        volume = self.made("v1", 4, "thick")
        self.backend.snapshot(an_attempt(volume, "thick"), "s1")
        _, thick = self.backend.report()["pools"]
        self.assertEqual((8.0, 2.0), (thick["provisioned_capacity_gb"], thick["free_capacity_gb"]))
        self.assertEqual((4, 1), (thick["allocated_capacity_gb"], thick["total_volumes"]))
        with self.assertRaisesRegex(StorageError, "bytes asked, 2097152 left"):
            self.backend.snapshot(an_attempt(volume, "thick"), "s2")

    def test_a_snapshot_cannot_be_taken_under_management(self) -> None:
        self.backend.snapshot(an_attempt(self.made(), "thin"), "s1")
        with self.assertRaisesRegex(InvalidRequest, "'snapshot-s1' is the snapshot s1"):
            self.backend.manage_existing(an_attempt(a_volume("v2"), "thin"), {"source-name": "snapshot-s1"})

    def test_names_that_lead_out_of_the_pool(self) -> None:
        volume = self.made()
        for id in ("../s", "", "a/b"):
            with self.subTest(id), self.assertRaisesRegex(InvalidRequest, "snapshot_id: .* cannot be a file's name"):
                self.backend.snapshot(an_attempt(volume, "thin"), id)

    def test_what_is_not_there_is_named(self) -> None:
        with self.assertRaisesRegex(StorageError, "reading snapshot-s1 in .*: No such file"):
            self.backend.create_from_snapshot(an_attempt(a_volume(), "thin"), "s1")
        with self.assertRaisesRegex(StorageError, "reading volume-v9 in .*: No such file"):
            self.backend.clone(an_attempt(a_volume(), "thin"), a_volume("v9"))

    def test_clone(self) -> None:
        source = self.made("v1", 2, "thick")
        place = Path(self.backend.clone(an_attempt(a_volume("v2", 3), "thick"), source))
        self.assertEqual(b"content".ljust(3 * MIB, b"\0"), place.read_bytes())
        self.assertGreaterEqual(place.stat().st_blocks * 512, 3 * MIB)
