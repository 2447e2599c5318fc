"""Golden files: decisions that were recorded from the real Cinder, one JSON object a line."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

Case = Mapping[str, Any]
_OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


class BadFile(Exception):
    """A file that holds no golden cases; the text says where and why."""


def cases_of(path: Path) -> Iterator[Case]:
    """The cases of one file, plain or packed. Raises BadFile."""
    try:
        with _opened(path) as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    yield _case(line, f"{path}:{number}")
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as problem:
        raise BadFile(f"{path}: cannot be read: {problem}") from problem


def _opened(path: Path) -> IO[str]:
    opener: Any = _OPENERS.get(path.suffix, open)
    handle: IO[str] = opener(path, "rt", encoding="utf-8")
    return handle


def _case(line: str, where: str) -> Case:
    try:
        case = json.loads(line)
    except ValueError as problem:
        raise BadFile(f"{where}: no JSON: {problem}") from None
    if not isinstance(case, dict) or "expected" not in case or not ("expr" in case or "requests" in case):
        raise BadFile(f"{where}: neither a scheduling case nor an expression, or nothing was recorded with it")
    return case


def decoded(value: Any) -> Any:
    """A recorded value as it was: `{"$float": …}` and `{"$time": …}` are what JSON cannot say."""
    if isinstance(value, dict):
        if len(value) == 1:
            if "$float" in value:
                return float(value["$float"])
            if "$time" in value:
                return datetime.fromisoformat(value["$time"])
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return value


def stamp(text: str | None) -> datetime | None:
    """A recorded time stamp."""
    return None if text is None else datetime.fromisoformat(text)
