"""One pool as a folder: each volume is a file in it, which is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

from volsched.exceptions import InvalidRequest, StorageError, StorageMismatch
from volsched.plugins import ANY_STORAGE, Attempt
from volsched_drivers.backends import adoption, copying, marker
from volsched_drivers.backends.attempt_files import (
    ATTEMPT_FILE,
    OPEN_FILE,
    OPEN_TO_READ,
    VOLUME_ID,
    AttemptFiles,
    stat_of,
    sweep,
)
from volsched_drivers.backends.usage import check_free, files_below

LOG = logging.getLogger(__name__)

#: The expected id of a pool that is new and cannot be marked: no marker has it.
NOT_MARKED = "(none yet)"
#: What does not make a folder another program's: the file system's own, and the marker.
IGNORED_NAMES = frozenset({"lost+found", marker.NAME})
PUBLISHED_FILE = re.compile(rf"(volume|snapshot)-({VOLUME_ID.pattern})")

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: How long a thick pool's lock is waited for, which every process holds for an instant only.
LOCK_SECONDS, LOCK_PAUSE_SECONDS = 20.0, 0.02

FIXES = {
    errno.ENOSPC: "the disk is full: free space on it, or give the pool a size that fits",
    errno.EDQUOT: "the disk quota is used up: raise it for the agent's user",
    errno.EFBIG: "the file would be larger than the file system, or the limit of the process, allows",
    errno.EACCES: "let the agent's user read and write there",
    errno.EPERM: "let the agent's user read and write there",
    errno.EROFS: "mount the file system writable",
    errno.ENOENT: "it has vanished: mount its disk, or put it back",
    errno.ENOTDIR: "there must be a folder, not a file or a symbolic link",
    errno.ELOOP: "symbolic links are not followed: put the thing itself there",
    errno.EIO: "the disk reports damage: see the kernel's log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a pool holds, in bytes."""

    total: int
    free: int
    provisioned: int  # the sizes of all files, volumes or not
    volumes: tuple[int, ...]  # the size of each volume


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A volume or a snapshot in a pool's folder."""

    kind: str
    id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFolder:
    """The folder `root`/`name`.

    Every access starts from the folder's descriptor and follows no symbolic link, so neither a name nor a link leads
    out of the pool. What is made and removed goes through `AttemptFiles`: a killed process leaves files that no report
    shows and that are removed later, and a process that lost its lease changes nothing.
    """

    label: str  # of the backend, for errors
    root: str
    name: str
    thick: bool
    limit: int  # bytes; 0: what the file system has
    storage_id: str | None  # that the marker must have; None: any, or none

    @property
    def path(self) -> str:
        return os.path.join(self.root, self.name)

    def location(self, volume_id: str) -> str:
        return os.path.join(self.path, self._file_name(volume_id))

    def identify(self, expected: str | None, unit: int) -> str | None:
        """Return the id of the pool's marker; None where there is none. See `StorageBackend.identify`."""
        with self._translated("reading the marker"):
            if not expected:
                os.makedirs(self.path, mode=0o750, exist_ok=True)
            with self._unverified() as folder:
                found = marker.read(folder)
                if found is None and (expected == ANY_STORAGE or (expected is None and self._may_be_marked(folder))):
                    self._fill_up(folder, unit)
                    found = marker.write(folder)
                return found

    def _may_be_marked(self, folder: int) -> bool:
        """Whether the folder is empty, or an installation without markers (version 0.1) has volumes in it."""
        names = set(os.listdir(folder)) - IGNORED_NAMES
        return not names or any(PUBLISHED_FILE.fullmatch(name) or ATTEMPT_FILE.fullmatch(name) for name in names)

    def _fill_up(self, folder: int, unit: int) -> None:
        """Fill files of volumes up to whole units: version 0.1 took files over as they were."""
        for name in filter(PUBLISHED_FILE.fullmatch, os.listdir(folder)):
            with self._opened(folder, name) as file:
                size = os.fstat(file).st_size
                self._grow(file, size, -(-size // unit) * unit)

    def figures(self) -> Figures:
        with self._translated("measuring"), self._folder() as folder:
            return self._measure(folder)

    def published(self) -> Iterator[PublishedFile]:
        """Every volume and snapshot."""
        with self._translated("listing"), self._folder() as folder, os.scandir(folder) as entries:
            for entry in entries:
                found = PUBLISHED_FILE.fullmatch(entry.name)
                facts = stat_of(folder, entry.name) if found else None
                if found and facts is not None and stat.S_ISREG(facts.st_mode):
                    yield PublishedFile(kind=found[1], id=found[2], name=entry.name, size=facts.st_size)

    def create(self, attempt: Attempt, size: int) -> None:
        final = self._file_name(attempt.volume.id)
        with self._translated(f"making {final}"), self._folder() as folder:
            files = AttemptFiles(folder=folder, final=final, attempt=attempt)
            self._clear_earlier(files)
            there = self._size_of(folder, final)
            if there is None:
                self._make(files, size)
            else:
                self._check_size(final, there, size)

    def delete(self, attempt: Attempt, id: str, kind: str = "volume") -> None:
        final = self._file_name(id, kind)
        with self._translated(f"removing {final}"), self._folder() as folder:
            files = AttemptFiles(folder=folder, final=final, attempt=attempt)
            files.clear_all()
            if self._size_of(folder, final) is not None:
                files.remove()
                os.fsync(folder)

    def extend(self, attempt: Attempt, size: int, at_least: int) -> None:
        """Grow the volume's file, which has `at_least` bytes before, unless it was cut."""
        final = self._file_name(attempt.volume.id)
        with self._translated(f"growing {final}"), self._folder() as folder, self._opened(folder, final) as file:
            had = os.fstat(file).st_size
            self._check_size(final, had, at_least)
            if had > size:
                raise InvalidRequest(
                    "new_size_gb", f"the volume has {had} bytes, more than {size}: volumes grow and never shrink"
                )
            if had == size:
                return
            files = AttemptFiles(folder=folder, final=final, attempt=attempt)
            self._clear_earlier(files)
            with self._part(files, size - had) if self._limited else contextlib.nullcontext():
                attempt.check()
                self._grow(file, had, size)

    def adopt(self, attempt: Attempt, source: str, unit: int) -> int:
        """Make the file `source`, a path in the pool, the volume's own, and fill it up to whole units.

        Returns its size in bytes.
        """
        final = self._file_name(attempt.volume.id)
        *steps, name = adoption.steps_of(source)
        with self._translated(f"taking over {source!r} as {final}"), self._folder() as folder:
            files = AttemptFiles(folder=folder, final=final, attempt=attempt)
            files.clear_earlier()
            there = self._size_of(folder, final) is not None
            with contextlib.ExitStack() as opened:
                try:
                    parent = opened.enter_context(adoption.descended(folder, steps, source, self.name))
                except InvalidRequest:
                    if not there:
                        raise
                else:
                    adoption.take_over(files, parent, name, source, self.name, allocate=self.thick)
            with self._opened(folder, final) as file:
                had = os.fstat(file).st_size
                size = -(-had // unit) * unit
                if size > had:
                    self._grow(file, had, size)
            os.fsync(folder)
            return size

    @contextlib.contextmanager
    def holding(self, id: str, kind: str = "volume", at_least: int = 0) -> Iterator[int]:
        """The file of a volume or a snapshot, open for reading. Raises StorageMismatch where it was cut."""
        name = self._file_name(id, kind)
        with (
            self._translated(f"reading {name}"),
            self._folder() as folder,
            self._opened(folder, name, OPEN_TO_READ) as file,
        ):
            self._check_size(name, os.fstat(file).st_size, at_least)
            yield file

    def copy_in(
        self, attempt: Attempt, id: str, source: int, size: int, *, kind: str = "volume", compare: bool = False
    ) -> None:
        """Make a volume or a snapshot of `size` bytes that holds what the open file `source` holds, and zeros after it.

        A file that is there already was made by an earlier attempt; `compare`: only where it holds the same.
        """
        final = self._file_name(id, kind)
        with self._translated(f"copying to {final}"), self._folder() as folder:
            files = AttemptFiles(folder=folder, final=final, attempt=attempt)
            self._clear_earlier(files)
            there = self._size_of(folder, final)
            if there is None:
                self._copy(files, source, size, compare=compare)
                return
            self._check_size(final, there, size)
            if compare:
                self._check_same(folder, final, source)

    def sweep(self) -> None:
        """Remove the unpublished files of dead attempts."""
        with self._translated("removing unpublished files"), self._folder() as folder:
            sweep(folder)

    # -- folders and names

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Raise errors of the operating system as StorageError, with the path and the fix."""
        try:
            yield
        except OSError as problem:
            number = problem.errno or 0
            fix = FIXES.get(number, "see the agent's log and the state of the file system")
            raise StorageError(
                self.label, f"{doing} in {self.path}: {os.strerror(number) if number else problem}; {fix}"
            ) from problem

    def _fail(self, problem: str) -> None:
        raise StorageError(self.label, f"{self.path}: {problem}")

    def _file_name(self, id: str, kind: str = "volume") -> str:
        if not VOLUME_ID.fullmatch(id):
            raise InvalidRequest(f"{kind}_id", f"{id!r} cannot be a file's name: use letters, digits, - and _")
        return f"{kind}-{id}"

    @contextlib.contextmanager
    def _folder(self) -> Iterator[int]:
        """The folder's descriptor. Raises StorageError where this is not the pool's storage."""
        with self._unverified() as folder:
            if self.storage_id is not None:
                self._check_marker(marker.read(folder))
            yield folder

    def _check_marker(self, found: str | None) -> None:
        if self.storage_id == NOT_MARKED and found is None:
            self._fail(
                f"expected an empty folder for a new pool, got one with files and without a marker ({marker.NAME}); "
                "mount the pool's disk there, or accept this folder: volsched pool adopt POOL"
            )
        if found != self.storage_id:
            self._fail(
                f"expected the marker {marker.NAME} with the id {self.storage_id}, got {found or 'none'}; mount the "
                "pool's disk there, or, if its storage was replaced, accept this one: volsched pool adopt POOL"
            )

    @contextlib.contextmanager
    def _unverified(self) -> Iterator[int]:
        root = os.open(self.root, OPEN_FOLDER)
        try:
            folder = os.open(self.name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=root)
        finally:
            os.close(root)
        try:
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _opened(self, folder: int, name: str, how: int = OPEN_FILE) -> Iterator[int]:
        """The regular file of this name, open for reading and writing unless `how` says otherwise."""
        if self._size_of(folder, name) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        file = os.open(name, how, dir_fd=folder)
        try:
            yield file
        finally:
            os.close(file)

    def _size_of(self, folder: int, name: str) -> int | None:
        """None where there is nothing of this name; what is there must be a file."""
        facts = stat_of(folder, name)
        if facts is None:
            return None
        if not stat.S_ISREG(facts.st_mode):
            self._fail(f"{name} is not a file any more: look at it and move it away")
        return facts.st_size

    # -- making

    def _make(self, files: AttemptFiles, size: int) -> None:
        with self._part(files, size) as file:
            self._grow(file, 0, size)
            files.publish()  # False: another attempt was quicker
        os.fsync(files.folder)

    def _copy(self, files: AttemptFiles, source: int, size: int, *, compare: bool) -> None:
        before = os.fstat(source)
        with self._part(files, size) as file:
            if not self.thick and copying.share(source, file):
                written = copying.fingerprint(source)
                self._grow(file, before.st_size, size)
            else:
                self._grow(file, 0, size)
                written = copying.copy(source, file)
            if copying.from_disk(file) != written:
                self._fail(f"the copy {files.final} does not hold what was written: look at the kernel's log")
            after = os.fstat(source)
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                self._fail(f"the source of {files.final} was written to meanwhile: stop its users, and try again")
            if not files.publish() and compare:
                self._check_same(files.folder, files.final, source)
        os.fsync(files.folder)

    def _check_same(self, folder: int, final: str, source: int) -> None:
        with self._opened(folder, final, OPEN_TO_READ) as file:
            if os.path.sameopenfile(file, source):
                self._fail(f"{final} is the very file that is to be copied: the two pools are one folder")
            if copying.fingerprint(file) != copying.fingerprint(source):
                self._fail(f"{final} is there already, and holds something else: look at it and move it away")

    def _check_size(self, name: str, size: int, at_least: int) -> None:
        if size < at_least:
            where = os.path.join(self.path, name)
            raise StorageMismatch(self.label, where, expected_bytes=at_least, found_bytes=size)

    def _grow(self, file: int, had: int, size: int) -> None:
        """Give the file `size` bytes, on disk when this returns. Never shortens it, and never overwrites anything."""
        try:
            if size > had and self.thick:
                check_free(file, size - had)
                os.posix_fallocate(file, had, size - had)
            elif size > had > 0:
                os.posix_fallocate(file, size - 1, 1)  # not ftruncate: the file may have grown further meanwhile
            elif size > had:
                os.ftruncate(file, size)
            os.fsync(file)
        except OverflowError as problem:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from problem

    # -- room

    @contextlib.contextmanager
    def _part(self, files: AttemptFiles, size: int) -> Iterator[int]:
        """A new file to build in, removed at the end. In a thick pool with a limit it takes up its room at once.

        Only that is done under the pool's lock, so that no process holds it for longer than an instant.
        """
        with contextlib.ExitStack() as opened:
            with self._locked(files.folder):
                file = files.new_part()
                opened.callback(os.close, file)
                opened.callback(self._drop_part, files)
                if self._limited:
                    os.ftruncate(file, size)
                    self._check_room(files.folder, size)
            yield file

    def _drop_part(self, files: AttemptFiles) -> None:
        """Remove the part, not while another process adds files up: it could miss the part and what it became."""
        with self._locked(files.folder):
            files.drop_part()

    def _clear_earlier(self, files: AttemptFiles) -> None:
        """The same for the parts of earlier attempts."""
        with self._locked(files.folder):
            files.clear_earlier()

    @property
    def _limited(self) -> bool:
        return self.thick and self.limit > 0

    @contextlib.contextmanager
    def _locked(self, folder: int) -> Iterator[None]:
        """Of a thick pool with a limit: one process at a time takes up room.

        A process that was stopped while it held the lock does not stop the others: what is placed in the pool is
        claimed in the database first, which allows no more than there is.
        """
        deadline = time.monotonic() + LOCK_SECONDS
        while self._limited:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    LOG.warning("%s has been locked by another process for %g s", self.path, LOCK_SECONDS)
                    break
                time.sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(folder, fcntl.LOCK_UN)

    def _check_room(self, folder: int, size: int) -> None:
        """Raise StorageError where the files of the pool, a new one of `size` among them, exceed its limit."""
        left = self._left(folder)
        if left < 0:
            sweep(folder)
            left = self._left(folder)
        if left < 0:
            self._fail(f"{size} bytes asked, {left + size} left in the pool: enlarge the pool, or remove volumes")

    def _left(self, folder: int) -> int:
        return self.limit - sum(facts.st_size for _, facts in files_below(folder, unpublished=True))

    # -- measuring

    def _measure(self, folder: int) -> Figures:
        device = os.statvfs(folder)
        total, free = device.f_blocks * device.f_frsize, device.f_bavail * device.f_frsize
        volumes: list[int] = []
        provisioned = used = 0
        for name, facts in files_below(folder):
            provisioned += facts.st_size
            used += facts.st_size if self.thick else min(facts.st_size, facts.st_blocks * 512)
            found = PUBLISHED_FILE.fullmatch(name)
            if found and found[1] == "volume":
                volumes.append(facts.st_size)
        if self.limit:
            total, free = min(total, self.limit), min(free, max(0, self.limit - used))
        return Figures(total=total, free=free, provisioned=provisioned, volumes=tuple(volumes))
