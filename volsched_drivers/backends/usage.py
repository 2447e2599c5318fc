"""The use of a pool's file system: every file below its folder, and the free blocks."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from volsched_drivers.backends import marker
from volsched_drivers.backends.attempt_files import ATTEMPT_FILE


def check_free(file: int, more: int) -> None:
    """Raise ENOSPC before a part of the blocks is allocated in vain."""
    device = os.fstatvfs(file)
    blocks = device.f_bfree if os.geteuid() == 0 else device.f_bavail
    if more > blocks * device.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def files_below(folder: int, *, unpublished: bool = False) -> Iterator[tuple[str, os.stat_result]]:
    """Every file in the folder and its sub-folders on the same disk, once each; the name only of those right in it.

    Reports leave unpublished files out: the room of a volume that is being made is claimed, and would count twice.
    """
    device = os.fstat(folder).st_dev
    seen: set[int] = set()
    for place, folders, names, opened in os.fwalk(".", dir_fd=folder, onerror=_raise):
        folders[:] = [name for name in folders if _on(device, name, opened)]
        for name in names:
            if place == "." and (name == marker.NAME or (not unpublished and ATTEMPT_FILE.fullmatch(name))):
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
