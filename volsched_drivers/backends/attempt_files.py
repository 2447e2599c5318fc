"""The files of one attempt in a pool's folder, and the steps that only the holder of the lease can complete.

A process may be stopped between asking for the lease and the next system call, so that asking alone is not enough.
Each step that publishes or removes something therefore names a file of the attempt, made before the lease was asked
for, and fails where that file is gone. Whoever takes the work over first removes the files of the earlier attempts:

* To publish, `.volume-ID.GENERATION.part` is linked to `volume-ID`, which replaces nothing.
* To remove, an empty folder `.volume-ID.GENERATION.gone` and the file exchange their names; then the folder, which
  has the published name now, is removed by rmdir, which does nothing to a file that has taken its place since.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from volsched.exceptions import LeaseLost
from volsched.plugins import Attempt

OPEN_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
OPEN_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
VOLUME_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
#: Files of attempts, and folders; those of version 0.1 had a random number where the generation is now.
ATTEMPT_FILE = re.compile(rf"\.((?:volume|snapshot)-{VOLUME_ID.pattern})\.[0-9a-f-]+\.(?:part|gone)")

RENAME_EXCHANGE = 2  # of linux/fs.h
#: What file systems answer that cannot exchange two names (NFS, FAT), and systems without the call.
CANNOT_EXCHANGE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFiles:
    """The files of an attempt at the object (a volume or a snapshot) that is published as `final` in `folder`."""

    folder: int  # its descriptor
    final: str
    attempt: Attempt

    @property
    def part(self) -> str:
        return self._name(self.attempt.generation, "part")

    @property
    def gone(self) -> str:
        return self._name(self.attempt.generation, "gone")

    def _name(self, generation: str, kind: str) -> str:
        return f".{self.final}.{generation}.{kind}"

    # -- what earlier attempts left

    def clear_earlier(self) -> None:
        """Remove the files of earlier attempts at the same work; none of them can publish or remove any more."""
        for generation in self.attempt.earlier:
            self._unlink(self._name(generation, "part"))
            self._clear_gone(self._name(generation, "gone"), only_published=True)
        self._rmdir(self.final)

    def clear_all(self) -> None:
        """Remove the files of all other attempts at this object, which is about to be removed itself."""
        for name in os.listdir(self.folder):
            found = ATTEMPT_FILE.fullmatch(name)
            if found and found[1] == self.final and name not in (self.part, self.gone):
                if name.endswith(".part"):
                    self._unlink(name)
                else:
                    self._clear_gone(name, only_published=False)
        self._rmdir(self.final)

    def _clear_gone(self, name: str, *, only_published: bool) -> None:
        """Remove a folder of `remove`, or the file that has its name since.

        `only_published`: the file only where it is published under another name (what `adopt` moved).
        """
        self._rmdir(name)
        facts = stat_of(self.folder, name)
        if facts is None or not stat.S_ISREG(facts.st_mode):
            return
        published = stat_of(self.folder, self.final)
        if not only_published or (published is not None and os.path.samestat(facts, published)):
            self._unlink(name)

    # -- making

    def new_part(self) -> int:
        """Create the file to build in; return its descriptor. It is locked until that is closed, against `sweep`."""
        while True:
            self._unlink(self.part)
            file = os.open(self.part, OPEN_FILE | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self.folder)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_nlink:
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # swept up between open and lock

    def publish(self) -> bool:
        """Give the finished part its published name; False where that is taken. Raises LeaseLost."""
        self.attempt.check()
        try:
            os.link(self.part, self.final, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except FileNotFoundError as problem:
            raise LeaseLost(self.attempt.work_id, "a later attempt removed the unpublished file") from problem
        return True

    def drop_part(self) -> None:
        self._unlink(self.part)

    # -- removing

    def remove(self) -> None:
        """Remove the published file; harmless where there is none. Raises LeaseLost."""
        seen = stat_of(self.folder, self.final)
        if seen is not None:
            self.remove_name(self.folder, self.final, seen)

    def remove_name(self, folder: int, name: str, expected: os.stat_result) -> None:
        """Remove `name`, provided that it is still the `expected` file. Raises LeaseLost."""
        locks = contextlib.ExitStack()
        locks.callback(os.close, self._new_gone())
        with contextlib.suppress(OSError):  # a user's lock, which `sweep` respects as well
            file = os.open(name, OPEN_TO_READ, dir_fd=folder)
            locks.callback(os.close, file)
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        try:
            self.attempt.check()
            if not self._exchange(folder, name):
                self._remove_compared(folder, name, expected)
                return
            moved = stat_of(self.folder, self.gone)
            if moved is None or not os.path.samestat(moved, expected):
                with contextlib.suppress(FileNotFoundError):
                    exchange(self.folder, self.gone, folder, name)
                raise LeaseLost(self.attempt.work_id, f"{name} was replaced by another file")
            self._rmdir(name, folder)
            self._unlink(self.gone)
        finally:
            self._rmdir(self.gone)
            locks.close()

    def _new_gone(self) -> int:
        """Create the folder to exchange; return its descriptor, which has it locked, as `new_part` does."""
        while True:
            self._rmdir(self.gone)
            os.mkdir(self.gone, 0o700, dir_fd=self.folder)
            with contextlib.suppress(FileNotFoundError):
                folder = os.open(self.gone, OPEN_TO_READ, dir_fd=self.folder)
                _lock(folder)
                if os.fstat(folder).st_nlink:
                    return folder
                os.close(folder)

    def _exchange(self, folder: int, name: str) -> bool:
        """Exchange `name` and the attempt's folder; False where the file system cannot. Raises LeaseLost."""
        try:
            exchange(self.folder, self.gone, folder, name)
        except FileNotFoundError as problem:
            raise LeaseLost(self.attempt.work_id, f"a later attempt is removing {name}") from problem
        except OSError as problem:
            if problem.errno not in CANNOT_EXCHANGE:
                raise
            return False
        return True

    def _remove_compared(self, folder: int, name: str, expected: os.stat_result) -> None:
        """Where names cannot be exchanged, the comparison comes right before the removal, and no more can be done."""
        found = stat_of(folder, name)
        if found is None or not os.path.samestat(found, expected):
            raise LeaseLost(self.attempt.work_id, f"{name} was replaced by another file")
        self._unlink(name, folder)

    # -- steps that are harmless where there is nothing

    def _unlink(self, name: str, folder: int | None = None) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.folder if folder is None else folder)

    def _rmdir(self, name: str, folder: int | None = None) -> None:
        """Remove an empty folder; a file stays."""
        try:
            os.rmdir(name, dir_fd=self.folder if folder is None else folder)
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
                raise


def sweep(folder: int) -> None:
    """Remove what dead attempts left: files and folders that no process has locked."""
    for name in os.listdir(folder):
        if ATTEMPT_FILE.fullmatch(name):
            _sweep_up(folder, name)


def _sweep_up(folder: int, name: str) -> None:
    try:
        file = os.open(name, OPEN_TO_READ, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        if _lock(file):
            (os.rmdir if stat.S_ISDIR(os.fstat(file).st_mode) else os.unlink)(name, dir_fd=folder)
    except FileNotFoundError:
        return  # a process has just finished with it
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Lock a file or folder that is open for reading; False where a process has, or the file system cannot (NFS)."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        if problem.errno not in (errno.EWOULDBLOCK, errno.EBADF, errno.ENOLCK):
            raise
        return False
    return True


def stat_of(folder: int, name: str) -> os.stat_result | None:
    """The facts about a name, a link not followed; None where there is nothing of this name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def exchange(folder: int, name: str, other_folder: int, other: str) -> None:
    """Exchange two names in one step. Raises OSError, with one of CANNOT_EXCHANGE where that is not possible."""
    call = _renameat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(folder, os.fsencode(name), other_folder, os.fsencode(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    """The system call, which Python has no function for; None where the C library has none either."""
    call: Any = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call  # type: ignore[no-any-return]
