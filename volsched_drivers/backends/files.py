"""One pool as a folder: each volume a file in it, which is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from volsched.exceptions import InvalidRequest, StorageError
from volsched_drivers.backends import copying

VOLUME_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
VOLUME_FILE = re.compile(rf"volume-({VOLUME_ID.pattern})")
SNAPSHOT_FILE = re.compile(rf"snapshot-({VOLUME_ID.pattern})")
PART_FILE = re.compile(rf"\.(?:volume|snapshot)-{VOLUME_ID.pattern}\.[0-9a-f]+\.part")

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
OPEN_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPEN_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

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
class PoolFolder:
    """The folder `root`/`name`.

    Every access starts from the folder's descriptor and follows no symbolic link, so neither a name nor a link leads
    out of the pool. A volume is made under another name and then linked to its own, which replaces nothing: whoever is
    killed on the way leaves a part that no report shows and that is swept up later.
    """

    label: str  # of the backend, for errors
    root: str
    name: str
    thick: bool
    limit: int  # bytes; 0: what the file system has

    @property
    def path(self) -> str:
        return os.path.join(self.root, self.name)

    def location(self, volume_id: str) -> str:
        return os.path.join(self.path, self._file_name(volume_id))

    def prepare(self) -> None:
        """Make the folder where it is missing, and clear away what interrupted work left."""
        with self._told("making the pool's folder"):
            os.makedirs(self.path, mode=0o750, exist_ok=True)
        self.sweep()

    def figures(self) -> Figures:
        with self._told("measuring"), self._folder() as folder:
            return self._measure(folder)

    def create(self, volume_id: str, size: int) -> None:
        final = self._file_name(volume_id)
        with self._told(f"making {final}"), self._folder() as folder:
            there = self._size_of(folder, final)
            if there is None:
                self._keep_room(folder, size)
                self._make(folder, final, size)
            elif there < size:
                self._fail(f"{final} is there already, with {there} bytes instead of {size}: move it away")

    def delete(self, id: str, kind: str = "volume") -> None:
        final = self._file_name(id, kind)
        with self._told(f"removing {final}"), self._folder() as folder:
            if self._size_of(folder, final) is not None:
                os.unlink(final, dir_fd=folder)
                os.fsync(folder)

    def extend(self, volume_id: str, size: int) -> None:
        final = self._file_name(volume_id)
        with self._told(f"growing {final}"), self._folder() as folder, self._opened(folder, final) as file:
            had = os.fstat(file).st_size
            if had > size:
                raise InvalidRequest(
                    "new_size_gb", f"the volume has {had} bytes, more than {size}: volumes grow and never shrink"
                )
            if had == size:
                return
            self._keep_room(folder, size - had)
            self._grow(file, had, size)

    def adopt(self, volume_id: str, source: str) -> int:
        """Make the file `source`, a path in the pool, the volume's own; returns its size in bytes."""
        final = self._file_name(volume_id)
        *steps, name = self._steps(source)
        with self._told(f"taking over {source!r} as {final}"), self._folder() as folder:
            there = self._size_of(folder, final)
            if there is not None:
                return there  # an earlier attempt got this far
            with self._descended(folder, steps, source) as parent:
                return self._take_over(parent, name, folder, final, source)

    @contextlib.contextmanager
    def holding(self, id: str, kind: str = "volume") -> Iterator[int]:
        """The file of a volume or a snapshot, open for reading."""
        name = self._file_name(id, kind)
        with self._told(f"reading {name}"), self._folder() as folder, self._opened(folder, name, OPEN_TO_READ) as file:
            yield file

    def copy_in(self, id: str, source: int, size: int, *, kind: str = "volume", compare: bool = False) -> None:
        """Make a volume or a snapshot of `size` bytes that holds what the open file `source` holds, and zeros after it.

        What is there already is taken for an earlier attempt's; `compare`: only where it holds the same.
        """
        final = self._file_name(id, kind)
        with self._told(f"copying to {final}"), self._folder() as folder:
            there = self._size_of(folder, final)
            if there is None:
                self._copy(folder, final, source, size, compare=compare)
            elif there < size:
                self._fail(f"{final} is there already, with {there} bytes instead of {size}: move it away")
            elif compare:
                self._check_same(folder, final, source)

    def sweep(self) -> None:
        """Remove the parts that nobody is working on any more."""
        with self._told("clearing away parts"), self._folder() as folder:
            for name in os.listdir(folder):
                if PART_FILE.fullmatch(name):
                    self._sweep_up(folder, name)

    # -- folders and names

    @contextlib.contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Errors of the operating system become ours, with the path and the fix."""
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
        try:
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(facts.st_mode):
            self._fail(f"{name} is not a file any more: look at it and move it away")
        return facts.st_size

    # -- making

    def _make(self, folder: int, final: str, size: int) -> None:
        part, file = self._new_part(folder, final)
        try:
            self._grow(file, 0, size)
            with contextlib.suppress(FileExistsError):  # another attempt at the same volume was quicker
                os.link(part, final, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        finally:
            self._drop_part(folder, part, file)
        os.fsync(folder)

    def _copy(self, folder: int, final: str, source: int, size: int, *, compare: bool) -> None:
        before = os.fstat(source)
        self._check_room(folder, size)  # before everything is copied in vain
        part, file = self._new_part(folder, final)
        try:
            if not self.thick and copying.share(source, file):
                written = copying.fingerprint(source)
                self._grow(file, before.st_size, size)
            else:
                self._grow(file, 0, size)
                written = copying.copy(source, file)
            if copying.from_disk(file) != written:
                self._fail(f"the copy {final} does not hold what was written: look at the kernel's log")
            after = os.fstat(source)
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                self._fail(f"what {final} is a copy of was written to meanwhile: stop who uses it, and try again")
            try:
                self._keep_room(folder, size)
                os.link(part, final, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:  # another attempt was quicker
                if compare:
                    self._check_same(folder, final, source)
        finally:
            self._drop_part(folder, part, file)
        os.fsync(folder)

    def _check_same(self, folder: int, final: str, source: int) -> None:
        with self._opened(folder, final, OPEN_TO_READ) as file:
            if os.path.sameopenfile(file, source):
                self._fail(f"{final} is the very file that is to be copied: the two pools are one folder")
            if copying.fingerprint(file) != copying.fingerprint(source):
                self._fail(f"{final} is there already, and holds something else: look at it and move it away")

    def _drop_part(self, folder: int, part: str, file: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        os.close(file)

    def _new_part(self, folder: int, final: str) -> tuple[str, int]:
        """A new file under a name of its own, locked as long as somebody works on it."""
        while True:
            part = f".{final}.{secrets.token_hex(4)}.part"
            file = os.open(part, OPEN_FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:
                    return part, file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # swept up between open and lock

    def _sweep_up(self, folder: int, name: str) -> None:
        try:
            file = os.open(name, OPEN_FILE, dir_fd=folder)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        except (BlockingIOError, FileNotFoundError):
            return  # somebody works on it, or has just ended
        finally:
            os.close(file)

    def _grow(self, file: int, had: int, size: int) -> None:
        """From `had` to `size` bytes, on disk when this returns; as it was where that fails."""
        try:
            if self.thick:
                os.posix_fallocate(file, had, size - had)
            else:
                os.ftruncate(file, size)
            os.fsync(file)
        except OverflowError as problem:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from problem
        except OSError:
            os.ftruncate(file, had)
            raise

    def _keep_room(self, folder: int, size: int) -> None:
        """A thick pool with a limit takes no more than that, whoever asks, and one at a time."""
        fcntl.flock(folder, fcntl.LOCK_EX)  # let go of when the folder is closed
        self._check_room(folder, size)

    def _check_room(self, folder: int, size: int) -> None:
        """Raises where a thick pool has not so much left of its limit."""
        if not (self.thick and self.limit):
            return
        left = self._measure(folder).free
        if size > left:
            self._fail(f"{size} bytes asked, {left} left in the pool: enlarge the pool, or remove volumes")

    # -- taking over

    def _steps(self, source: str) -> list[str]:
        steps = source.split("/")
        if not source or "\0" in source or len(source) > 4096:
            raise InvalidRequest("source-name", f"{source[:80]!r} is no path: give the file's path in the pool")
        if source.startswith("/") or ".." in steps:
            raise InvalidRequest(
                "source-name", f"{source!r} leads out of the pool: give the file's path in the pool, without .."
            )
        steps = [step for step in steps if step not in ("", ".")]
        if not steps or source.endswith("/"):
            raise InvalidRequest("source-name", f"{source!r} is a folder: name a file in the pool")
        known = VOLUME_FILE.fullmatch(steps[0]) if len(steps) == 1 else None
        if known:
            raise InvalidRequest("source-name", f"{source!r} is managed already, as volume {known[1]}")
        snapshot = SNAPSHOT_FILE.fullmatch(steps[0]) if len(steps) == 1 else None
        if snapshot:
            raise InvalidRequest("source-name", f"{source!r} is the snapshot {snapshot[1]}")
        if len(steps) == 1 and PART_FILE.fullmatch(steps[0]):
            raise InvalidRequest("source-name", f"{source!r} belongs to a volume that is being made")
        return steps

    @contextlib.contextmanager
    def _descended(self, folder: int, steps: list[str], source: str) -> Iterator[int]:
        """The folder that the steps lead to; no step may be a link."""
        with contextlib.ExitStack() as opened:
            for step in steps:
                try:
                    folder = os.open(step, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                except FileNotFoundError as problem:
                    raise InvalidRequest("source-name", f"no file {source!r} in the pool {self.name}") from problem
                except OSError as problem:
                    if problem.errno not in (errno.ELOOP, errno.ENOTDIR):
                        raise
                    raise InvalidRequest(
                        "source-name", f"{step!r} in {source!r} is no folder of the pool (links are not followed)"
                    ) from problem
                opened.callback(os.close, folder)
            yield folder

    def _take_over(self, parent: int, name: str, folder: int, final: str, source: str) -> int:
        self._check_source(parent, name, source)
        file = os.open(name, OPEN_FILE, dir_fd=parent)
        try:
            facts = os.fstat(file)
            if self.thick:
                os.posix_fallocate(file, 0, facts.st_size)  # what is a hole until now
                os.fsync(file)
            try:
                os.rename(name, final, src_dir_fd=parent, dst_dir_fd=folder)
            except OSError as problem:
                if problem.errno != errno.EXDEV:
                    raise
                raise InvalidRequest("source-name", f"{source!r} lies on another disk than the pool") from problem
            if not os.path.samestat(facts, os.stat(final, dir_fd=folder, follow_symlinks=False)):
                os.rename(final, name, src_dir_fd=folder, dst_dir_fd=parent)
                raise InvalidRequest("source-name", f"{source!r} was exchanged in this moment: look at it, try again")
        finally:
            os.close(file)
        os.fsync(folder)
        os.fsync(parent)
        return facts.st_size

    def _check_source(self, parent: int, name: str, source: str) -> None:
        """Raises where this is not one plain file with one name and something in it."""
        try:
            facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError as problem:
            raise InvalidRequest("source-name", f"no file {source!r} in the pool {self.name}") from problem
        why = None
        if stat.S_ISLNK(facts.st_mode):
            why = "is a symbolic link: name the file itself, which must lie in the pool"
        elif stat.S_ISDIR(facts.st_mode):
            why = "is a folder: name a file"
        elif not stat.S_ISREG(facts.st_mode):
            why = "is a special file (device, pipe or socket): only plain files become volumes"
        elif facts.st_nlink > 1:
            why = f"has {facts.st_nlink} names (hard links), and may be in use under another: remove the others"
        elif facts.st_size == 0:
            why = "is empty: a volume has at least one byte"
        if why:
            raise InvalidRequest("source-name", f"{source!r} {why}")

    # -- measuring

    def _measure(self, folder: int) -> Figures:
        device = os.statvfs(folder)
        total, free = device.f_blocks * device.f_frsize, device.f_bavail * device.f_frsize
        volumes: list[int] = []
        provisioned = used = 0
        for name, facts in _files_below(folder):
            provisioned += facts.st_size
            used += facts.st_size if self.thick else min(facts.st_size, facts.st_blocks * 512)
            if name and VOLUME_FILE.fullmatch(name):
                volumes.append(facts.st_size)
        if self.limit:
            total, free = min(total, self.limit), min(free, max(0, self.limit - used))
        return Figures(total=total, free=free, provisioned=provisioned, volumes=tuple(volumes))


def _files_below(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    """Every file in the folder and its sub-folders on the same disk, once each; the name only of those right in it.

    Parts are left out: the room of a volume that is being made is claimed, and would count twice.
    """
    device = os.fstat(folder).st_dev
    seen: set[int] = set()
    for place, folders, names, opened in os.fwalk(".", dir_fd=folder, onerror=_raise):
        folders[:] = [name for name in folders if _on(device, name, opened)]
        for name in names:
            if place == "." and PART_FILE.fullmatch(name):
                continue
            try:
                facts = os.stat(name, dir_fd=opened, follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed since it was listed
            if not stat.S_ISREG(facts.st_mode) or facts.st_ino in seen:
                continue
            if facts.st_nlink > 1:
                seen.add(facts.st_ino)
            yield name if place == "." else "", facts


def _on(device: int, name: str, folder: int) -> bool:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_dev == device
    except FileNotFoundError:
        return False


def _raise(problem: OSError) -> None:
    if not isinstance(problem, FileNotFoundError):
        raise problem
