"""What a file holds, copied block by block: holes and zeros are neither read from the disk nor written to it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator

BLOCK = 1 << 16
PAGE = 1 << 12
ZEROS = bytes(BLOCK)
FICLONE = 0x40049409  # of linux/fs.h: share all blocks of another file, until one of the two is written to


def share(source: int, target: int) -> bool:
    """Let `target`, an empty file, share the blocks of `source`; False where the file system cannot."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as problem:
        if problem.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM):
            return False
        raise
    return True


def copy(source: int, target: int) -> bytes:
    """Write what `source` holds to `target`, which reads as zeros and is large enough; returns the fingerprint."""
    seen = hashlib.blake2b()
    for at, data in _blocks(source):
        _note(seen, at, data)
        for begin, end in _runs(data):
            _write(target, data[begin:end], at + begin)
    return seen.digest()


def _runs(data: bytes) -> Iterator[tuple[int, int]]:
    """(begin, end) of what lies between whole pages of zeros."""
    begin = None
    for page in range(0, len(data), PAGE):
        piece = data[page : page + PAGE]
        if piece == ZEROS[: len(piece)]:
            if begin is not None:
                yield begin, page
            begin = None
        elif begin is None:
            begin = page
    if begin is not None:
        yield begin, len(data)


def _write(target: int, data: bytes, at: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(target, memoryview(data)[written:], at + written)


def fingerprint(file: int) -> bytes:
    """Files with the same one hold the same, whatever zeros may follow."""
    seen = hashlib.blake2b()
    for at, data in _blocks(file):
        _note(seen, at, data)
    return seen.digest()


def from_disk(file: int) -> bytes:
    """The fingerprint of what the disk has, not of what is remembered of it, as far as the system allows."""
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    return fingerprint(file)


def _note(seen: hashlib.blake2b, at: int, data: bytes) -> None:
    kept = data.rstrip(b"\0")
    seen.update(b"%d:%d:" % (at, len(kept)))
    seen.update(kept)


def _blocks(file: int) -> Iterator[tuple[int, bytes]]:
    """(offset, data) of each block, aligned, that holds anything but zeros."""
    at = 0
    while True:
        try:
            at = max(at, os.lseek(file, at, os.SEEK_DATA) // BLOCK * BLOCK)
        except OSError as problem:
            if problem.errno != errno.ENXIO:
                raise
            return  # nothing but a hole from here on
        data = _read(file, at)
        if not data:
            return
        if data != ZEROS[: len(data)]:
            yield at, data
        at += BLOCK


def _read(file: int, at: int) -> bytes:
    """A whole block, or what there is of it before the end of the file."""
    data = b""
    while len(data) < BLOCK:
        more = os.pread(file, BLOCK - len(data), at + len(data))
        if not more:
            break
        data += more
    return data
