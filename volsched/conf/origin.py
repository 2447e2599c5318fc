"""Where the value of an option came from, to the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oslo_config import iniparser

from volsched.exceptions import ConfigurationError


class Source(StrEnum):
    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OVERRIDE = "override"  # set by the program itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value came from. `name` is how it is written there: `[group] option`, or the variable's name."""

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
    """One `name = value` of a configuration file. `group` is as oslo.config sees it: in lower case but for DEFAULT."""

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
    """A section's name as oslo.config sees it."""
    return written if written == "DEFAULT" else written.lower()


class _FileReader(iniparser.BaseParser):  # type: ignore[misc]  # oslo.config's types are not followed
    """oslo.config's own parser, noting lines instead of values."""

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
        # The parser calls this when it has read the line after the value, whose lines are consecutive.
        line = self.lineno - len(value)
        if not self.group:
            raise iniparser.ParseError("an option before the first [section]", line, key)
        self.assignments.append(
            Assignment(group=self.group, name=key, value="\n".join(value), file=self.file, line=line)
        )


class SettingsFiles:
    """Every assignment of the configuration files, in the order in which they count: later ones win."""

    def __init__(self, files: Sequence[str]) -> None:
        """Raises ConfigurationError naming file and line where a file cannot be read."""
        self.files = tuple(files)
        self.sections: list[Section] = []
        self.assignments: list[Assignment] = []
        for file in files:
            reader = _read(file)
            self.sections += reader.sections
            self.assignments += reader.assignments

    def last(self, names: Iterable[tuple[str, str]]) -> Assignment | None:
        """The assignment that counts for an option that may be written in several ways: (group, name) pairs.

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
        """Assignments that a later one in the same file takes back, with that one."""
        seen: dict[tuple[str, str, str], Assignment] = {}
        for found in self.assignments:
            key = (found.file, found.group, found.name)
            if key in seen:
                yield seen[key], found
            seen[key] = found


def _read(file: str) -> _FileReader:
    reader = _FileReader(file)
    try:
        lines = Path(file).read_text().split("\n")  # as oslo.config does: other line breaks are text
    except FileNotFoundError:
        raise ConfigurationError(file, "there is no such file; --config-file takes the path of one") from None
    except IsADirectoryError:
        raise ConfigurationError(file, "is a folder; --config-dir takes folders") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(file, f"is not text: {error}") from None
    except OSError as error:
        raise ConfigurationError(file, f"cannot be read: {error.strerror}") from None
    try:
        reader.parse([*lines, ""])
    except iniparser.ParseError as error:
        begins = error.line.strip().partition(" ")[0].partition("=")[0][:40]  # the rest may be secret
        what = f"{error.msg}: the line that begins with {begins!r}"
        raise ConfigurationError(f"{file}:{error.lineno}", what) from None
    return reader
