"""Generations: the numbers of the configurations under which decisions are made, kept in a file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from volsched.conf.configuration import Configuration

LOG = logging.getLogger(__name__)

FILE = "configurations.jsonl"
FIRST = 1


def fingerprint(conf: Configuration, also: Iterable[str] = ()) -> str:
    """Return a hash of every value that is not secret, and of `also` (the packages of the plugins)."""
    values = sorted(
        (group, option.dest, repr(conf[group][option.dest]))
        for group, option in conf.options()
        if group != "DEFAULT" and not option.secret
    )
    return hashlib.sha256(repr((values, sorted(also))).encode()).hexdigest()[:32]


class Generations:
    """The numbers of this machine's configurations: one line of JSON each, with the time and the files.

    Where the folder cannot be written, each process counts on its own.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def of(self, mark: str, files: Iterable[str] = ()) -> int:
        """Return the number of a configuration: its last number, or a new one."""
        try:
            with self._opened() as file:
                known = list(_lines(file))
                numbers = [line["generation"] for line in known if line["fingerprint"] == mark]
                return max(numbers) if numbers else _write(file, known, mark, files)
        except OSError as problem:
            LOG.debug("generations are counted in this process only: %s", problem)
            return FIRST

    def after(self, generation: int, mark: str, files: Iterable[str] = ()) -> int:
        """Return the number of a configuration that replaces `generation`: a greater one.

        Processes that reload the same configuration get the same number.
        """
        try:
            with self._opened() as file:
                known = list(_lines(file))
                later = [line for line in known if line["generation"] > generation]
                if later and later[-1]["fingerprint"] == mark:
                    return int(later[-1]["generation"])
                return max(_write(file, known, mark, files), generation + 1)
        except OSError as problem:
            LOG.debug("generations are counted in this process only: %s", problem)
            return generation + 1

    @contextmanager
    def _opened(self) -> Iterator[IO[str]]:
        with os.fdopen(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640), "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
            yield file


def _lines(file: IO[str]) -> Iterator[dict[str, Any]]:
    file.seek(0)
    for text in file:
        try:
            line = json.loads(text)
            yield {"generation": int(line["generation"]), "fingerprint": str(line["fingerprint"])}
        except (ValueError, KeyError, TypeError):
            continue  # a line that was cut short when a disk was full


def _write(file: IO[str], known: list[dict[str, Any]], mark: str, files: Iterable[str]) -> int:
    generation = max((line["generation"] for line in known), default=FIRST - 1) + 1
    since = datetime.now(UTC).isoformat(timespec="seconds")
    line = {"generation": generation, "since": since, "fingerprint": mark, "files": list(files)}
    file.write(json.dumps(line) + "\n")
    return generation
