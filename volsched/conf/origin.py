"""The origin of option values, by file and line, and the reader of configuration files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oslo_config import iniparser

from volsched.exceptions import ConfigurationError


class Source(StrEnum):
    """The kinds of origin."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OVERRIDE = "override"  # set by the program itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The origin of one value. `name` is its name there: `[group] option`, or the variable's name."""

    source: Source
    name: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        if self.source is Source.FILE:
            return f"{self.file}:{self.line}"
        if self.source is Source.ENVIRONMENT:
            return f"environment variable {self.name}"
        return str(self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One `name = value` of a configuration file. `group` is normalized: in lower case, except DEFAULT."""

    group: str
    name: str
    value: str
    file: str
    line: int

    @property
    def origin(self) -> Origin:
        return Origin(source=Source.FILE, name=f"[{self.group}] {self.name}", file=self.file, line=self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `[group]` heading of a configuration file."""

    group: str
    file: str
    line: int


def group_name(written: str) -> str:
    """Return a section's name as oslo.config normalizes it."""
    return written if written == "DEFAULT" else written.lower()


class _FileReader(iniparser.BaseParser):  # type: ignore[misc]  # oslo.config's types are not followed
    """oslo.config's parser, recording values with their lines."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.group = ""
        self.sections: list[Section] = []
        self.assignments: list[Assignment] = []

    def new_section(self, section: str) -> None:
        self.group = group_name(section)
        self.sections.append(Section(group=self.group, file=self.file, line=self.lineno))

    def assignment(self, key: str, value: list[str]) -> None:
        # The parser calls this after it has read the line that follows the value.
        line = self.lineno - len(value)
        if not self.group:
            raise iniparser.ParseError("an option before the first [section]", line, key)
        self.assignments.append(
            Assignment(group=self.group, name=key, value="\n".join(value), file=self.file, line=line)
        )


class SettingsFiles:
    """Every assignment of the configuration files, in order of precedence: later ones win. Each file is read once."""

    def __init__(self, files: Sequence[str]) -> None:
        """Raise ConfigurationError, with file and line, where a file cannot be read."""
        self.files = tuple(files)
        self.sections: list[Section] = []
        self.assignments: list[Assignment] = []
        for file in files:
            reader = _read(file)
            self.sections += reader.sections
            self.assignments += reader.assignments

    def values_of(self, file: str) -> dict[str, dict[str, list[str]]]:
        """Return the values of one file by section and name, as oslo.config stores them."""
        sections: dict[str, dict[str, list[str]]] = {it.group: {} for it in self.sections if it.file == file}
        for found in self.assignments:
            if found.file == file:
                sections[found.group].setdefault(found.name, []).append(found.value)
        return sections

    def last(self, names: Iterable[tuple[str, str]]) -> Assignment | None:
        """Return the assignment in effect for an option with these (group, name) pairs.

        The last file that has any of them wins; within a file the earlier name of `names`, and its last assignment.
        """
        wanted = list(names)
        for file in reversed(self.files):
            for group, name in wanted:
                for found in reversed(self.assignments):
                    if (found.file, found.group, found.name) == (file, group, name):
                        return found
        return None

    def repeated(self) -> Iterator[tuple[Assignment, Assignment]]:
        """Yield each assignment that a later one in the same file overrides, with that later one."""
        seen: dict[tuple[str, str, str], Assignment] = {}
        for found in self.assignments:
            key = (found.file, found.group, found.name)
            if key in seen:
                yield seen[key], found
            seen[key] = found


def _read(file: str) -> _FileReader:
    reader = _FileReader(file)
    try:
        # A byte order mark is skipped, whatever the locale. Only \n ends a line, as in oslo.config.
        lines = Path(file).read_text("utf-8-sig").split("\n")
    except FileNotFoundError:
        raise ConfigurationError(file, "expected a file, got none; name an existing file") from None
    except IsADirectoryError:
        raise ConfigurationError(file, "expected a file, got a folder; name folders with --config-dir") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(file, f"is not text in UTF-8 ({error}); save the file as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(file, f"cannot be read: {error.strerror}; make it readable for this user") from None
    try:
        reader.parse([*lines, ""])
    except iniparser.ParseError as error:
        start = error.line.strip().partition(" ")[0].partition("=")[0][:40]  # the rest may be secret
        what = f"{error.msg}: the line that begins with {start!r}; correct the line"
        raise ConfigurationError(f"{file}:{error.lineno}", what) from None
    return reader
