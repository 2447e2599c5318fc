"""Taking over a file of a pool as a volume: which files can be taken over, and the steps."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence

from volsched.exceptions import InvalidRequest
from volsched_drivers.backends import marker
from volsched_drivers.backends.attempt_files import ATTEMPT_FILE, OPEN_FILE, VOLUME_ID, AttemptFiles, stat_of

OPEN_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


def steps_of(source: str) -> list[str]:
    """The parts of a path in the pool. Raises InvalidRequest where it cannot name a file to be taken over."""
    steps = source.split("/")
    if not source or "\0" in source or len(source) > 4096:
        raise InvalidRequest(
            "source-name", f"expected the path of a file in the pool, got {source[:80]!r}; give the file's path"
        )
    if source.startswith("/") or ".." in steps:
        raise InvalidRequest(
            "source-name", f"{source!r} leads out of the pool: give the file's path in the pool, without .."
        )
    steps = [step for step in steps if step not in ("", ".")]
    if not steps or source.endswith("/"):
        raise InvalidRequest("source-name", f"{source!r} is a folder: name a file in the pool")
    if len(steps) == 1:
        _check_name(steps[0], source)
    return steps


def _check_name(name: str, source: str) -> None:
    kind, _, id = name.partition("-")
    if kind in ("volume", "snapshot") and VOLUME_ID.fullmatch(id):
        what = f"is managed already, as volume {id}" if kind == "volume" else f"is the snapshot {id}"
        raise InvalidRequest("source-name", f"{source!r} {what}")
    if ATTEMPT_FILE.fullmatch(name):
        raise InvalidRequest("source-name", f"{source!r} belongs to a volume that is being made")
    if name == marker.NAME:
        raise InvalidRequest("source-name", f"{source!r} identifies the pool: name another file")


@contextlib.contextmanager
def descended(folder: int, steps: Sequence[str], source: str, pool: str) -> Iterator[int]:
    """The folder that the steps lead to; no step may be a link. Raises InvalidRequest."""
    with contextlib.ExitStack() as opened:
        for step in steps:
            try:
                folder = os.open(step, OPEN_STEP, dir_fd=folder)
            except FileNotFoundError as problem:
                raise InvalidRequest("source-name", f"there is no file {source!r} in the pool {pool}") from problem
            except OSError as problem:
                if problem.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                raise InvalidRequest(
                    "source-name", f"{step!r} in {source!r} is not a folder of the pool (links are not followed)"
                ) from problem
            opened.callback(os.close, folder)
        yield folder


def take_over(files: AttemptFiles, parent: int, name: str, source: str, pool: str, *, allocate: bool) -> None:
    """Publish the file `name` of the folder `parent` as the volume, then remove its old name.

    An earlier attempt may have published it already; then only the old name is removed. Raises LeaseLost.
    """
    published = stat_of(files.folder, files.final)
    if published is None:
        _publish(files, parent, name, source, pool, allocate=allocate)
        published = stat_of(files.folder, files.final)
    facts = stat_of(parent, name)
    if facts is None or published is None:
        return
    if os.path.samestat(facts, published):
        files.remove_name(parent, name, facts)
        os.fsync(parent)
    elif stat.S_ISDIR(facts.st_mode):  # an earlier attempt was killed while it removed the old name
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=parent)


def _publish(files: AttemptFiles, parent: int, name: str, source: str, pool: str, *, allocate: bool) -> None:
    _check_source(parent, name, source, pool)
    file = os.open(name, OPEN_FILE, dir_fd=parent)
    try:
        _lock(file, source)
        facts = os.fstat(file)
        if allocate:
            os.posix_fallocate(file, 0, facts.st_size)  # the holes, in a thick pool
            os.fsync(file)
        _link_part(files, parent, name, source)
        part = stat_of(files.folder, files.part)
        if part is not None and not os.path.samestat(facts, part):
            raise InvalidRequest("source-name", f"{source!r} was replaced at this moment: look at it, try again")
        files.publish()
    finally:
        files.drop_part()
        os.close(file)


def _lock(file: int, source: str) -> None:
    """Lock the file until it is closed, as the parts are, against `sweep`."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        raise InvalidRequest("source-name", f"{source!r} is locked by another process: stop its users") from problem


def _link_part(files: AttemptFiles, parent: int, name: str, source: str) -> None:
    files.drop_part()
    try:
        os.link(name, files.part, src_dir_fd=parent, dst_dir_fd=files.folder, follow_symlinks=False)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        raise InvalidRequest("source-name", f"{source!r} lies on another disk than the pool") from problem


def _check_source(parent: int, name: str, source: str, pool: str) -> None:
    """Raises InvalidRequest where this is not one plain file with one name and something in it."""
    facts = stat_of(parent, name)
    if facts is None:
        raise InvalidRequest("source-name", f"there is no file {source!r} in the pool {pool}")
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
