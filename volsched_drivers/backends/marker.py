"""The marker of a pool's folder: a file with an id, by which a lost mount or another disk is recognized."""

from __future__ import annotations

import contextlib
import os
import re
import uuid

from volsched_drivers.backends.attempt_files import OPEN_TO_READ

NAME = ".volsched-pool"
ID = re.compile(r"[0-9A-Za-z-]{1,36}")
UNREADABLE = "unreadable"


def read(folder: int) -> str | None:
    """Return the id in the marker, UNREADABLE where it has none; None where there is no marker."""
    try:
        file = os.open(NAME, OPEN_TO_READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        text = os.pread(file, 64, 0).decode("ascii", "replace").strip()
    finally:
        os.close(file)
    return text if ID.fullmatch(text) else UNREADABLE


def write(folder: int) -> str | None:
    """Write a marker with a new id, unless another process was quicker; return the id that it has then."""
    made = f"{NAME}.{uuid.uuid4().hex}"
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=folder)
    try:
        os.write(file, f"{uuid.uuid4()}\n".encode())
        os.fsync(file)
        with contextlib.suppress(FileExistsError):
            os.link(made, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.unlink(made, dir_fd=folder)
        os.close(file)
    os.fsync(folder)
    return read(folder)
