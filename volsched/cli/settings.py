"""Configuration files that commands write: sections with comments, whole or not at all, never over another's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from volsched.exceptions import InvalidRequest

if TYPE_CHECKING:
    from volsched.conf import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `[name]` with its options, and a line about it for whoever edits the file."""

    name: str
    about: str
    options: Mapping[str, str] = field(default_factory=dict)


def text_of(heading: str, sections: Sequence[Section]) -> str:
    """The file's text. A `$` in a value is written `$$`, as oslo.config wants it."""
    blocks = ["\n".join(f"# {line}" for line in heading.splitlines())]
    for section in sections:
        options = [f"{name} = {_written(name, value)}" for name, value in section.options.items()]
        blocks.append("\n".join([f"# {section.about}", f"[{section.name}]", *options]))
    return "\n\n".join(blocks) + "\n"


def _written(name: str, value: str) -> str:
    if value != value.strip() or "\n" in value or "\r" in value:
        raise InvalidRequest(name, f"{value!r} cannot be written into a configuration file: it has odd blanks")
    return value.replace("$", "$$")


def refuse_to_overwrite(file: Path) -> None:
    """Raises InvalidRequest where there is something of this name."""
    if os.path.lexists(file):
        raise InvalidRequest("--config-file", f"{file} is there already; --force overwrites it")


def make_database(configuration: Configuration) -> str:
    """Make the database's tables, or bring them up to date; returns the file, or the URL without its password."""
    from volsched.db.database import Database

    database = Database.configured(configuration)
    try:
        database.upgrade()
    finally:
        database.close()
    return str(database.file or database.name)


@contextmanager
def drafted(file: Path, text: str, *, overwrite: bool = False) -> Iterator[Path]:
    """A draft beside `file`, to try it out in the block; put in its place at the end, or removed where that raises.

    Who reads `file` at any moment sees nothing, the old, or the whole new. Raises InvalidRequest.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as draft:
            os.fchmod(draft.fileno(), 0o640)
            draft.write(text)
    except OSError as problem:
        raise InvalidRequest("--config-file", f"{file} cannot be written: {problem.strerror}") from problem
    try:
        yield Path(draft.name)
        if overwrite:
            os.replace(draft.name, file)
        else:
            os.link(draft.name, file)  # replaces nothing, whoever else is writing
    except FileExistsError:
        refuse_to_overwrite(file)
        raise
    finally:
        Path(draft.name).unlink(missing_ok=True)
