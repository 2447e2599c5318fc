"""Checks of installed packages: requirements, and files compared with the installation record."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from volsched import distributions
from volsched.conf.configuration import PROJECT
from volsched.distributions import normal_name
from volsched.loader import Catalog, Problem
from volsched.loader.problems import listed
from volsched.loader.selection import selected_entries
from volsched.ops.doctor.context import DoctorContext, failure, warning

COMMANDS = "volsched.commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The comparison of a package's files with its RECORD. `note` is the reason where none was possible."""

    package: str
    version: str
    place: str
    files: int = 0
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()  # modules in its folders that no installer recorded
    note: str | None = None

    @property
    def well(self) -> bool:
        return not (self.changed or self.missing or self.unrecorded)


def publishers(catalog: Catalog) -> Mapping[str, importlib.metadata.Distribution]:
    """Return every package that publishes a plugin or a command of volsched, by name."""
    commands = distributions.entry_points(COMMANDS)
    found = [entry.entry_point.dist for entry in catalog] + [command.dist for command in commands]
    return {dist.name: dist for dist in sorted((it for it in found if it is not None), key=lambda it: it.name)}


# -- requirements --------------------------------------------------------------------------------------------------


def unmet(context: DoctorContext) -> Iterator[Problem]:
    """Report requirements of volsched and of the packages of its plugins that are not met."""
    for folder, error in distributions.unreadable():
        what = f"the metadata cannot be read and is ignored: {error}"
        yield warning("VS220", folder, what, "reinstall the package, or remove the folder")
    needed = {normal_name(entry.package) for entry in selected_entries(context.conf, context.catalog)} | {PROJECT}
    for name, dist in publishers(context.catalog).items():
        severity = failure if normal_name(name) in needed else warning
        for requirement, installed in _unmet(dist):
            if installed is None:
                what, problem = f"needs {requirement}, which is not installed", severity
            else:
                what, problem = f"needs {requirement}, but {installed} is installed", warning
            yield problem("VS203", f"package {name} {dist.version}", what, f"pip install {requirement!r}")


def _unmet(dist: importlib.metadata.Distribution) -> Iterator[tuple[str, str | None]]:
    from packaging.requirements import InvalidRequirement, Requirement

    for text in dist.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # pip refuses such a package
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield wanted, None
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield wanted, installed


# -- installed files -----------------------------------------------------------------------------------------------


def damaged(context: DoctorContext) -> Iterator[Problem]:
    """Report files of packages with plugins that differ from their installation."""
    for verified in verify(context.catalog):
        where = f"package {verified.package} {verified.version} in {verified.place}"
        for what, names in (
            ("changed", verified.changed),
            ("missing", verified.missing),
            ("not recorded by an installer", verified.unrecorded),
        ):
            if names:
                names_shown = listed(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
                yield warning(
                    "VS204",
                    where,
                    f"{what}: {names_shown}",
                    f"reinstall {verified.package}, or find out who changed it",
                )


def verify(catalog: Catalog) -> Iterator[Verified]:
    """Compare the files of every package that publishes a plugin or a command with its RECORD."""
    for name, dist in publishers(catalog).items():
        yield _verified(name, dist)


def _verified(name: str, dist: importlib.metadata.Distribution) -> Verified:
    place = Path(str(dist.locate_file("")))
    record = dist.read_text("RECORD")
    editable = _editable(dist)
    if editable is not None:
        note = f"an editable installation of {editable}: its files are not recorded"
        return Verified(package=name, version=dist.version, place=str(place), note=note)
    if record is None:
        note = "the package has no RECORD of its files"
        return Verified(package=name, version=dist.version, place=str(place), note=note)
    rows = [row for row in csv.reader(io.StringIO(record)) if row]
    changed, missing = [], []
    for path, mark in ((row[0], row[1] if len(row) > 1 else "") for row in rows):
        try:
            if mark and not _matches(place / path, mark):
                changed.append(path)
        except OSError:
            missing.append(path)
    return Verified(
        package=name,
        version=dist.version,
        place=str(place),
        files=sum(1 for row in rows if len(row) > 1 and row[1]),
        changed=tuple(changed),
        missing=tuple(missing),
        unrecorded=tuple(_unrecorded(place, {row[0] for row in rows})),
    )


def _matches(file: Path, mark: str) -> bool:
    """Return whether a file has the hash of a RECORD line. Raise OSError where it cannot be read."""
    algorithm, _, digest = mark.partition("=")
    content = file.read_bytes()
    if algorithm not in hashlib.algorithms_guaranteed:
        return True  # not comparable
    made = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == digest.rstrip("=")


def _unrecorded(place: Path, recorded: set[str]) -> Iterator[str]:
    """Yield modules that are not recorded, in folders whose __init__.py is recorded."""
    for init in sorted(path for path in recorded if path.endswith("/__init__.py")):
        folder = Path(init).parent
        for file in sorted((place / folder).glob("*.py")):
            name = str(folder / file.name)
            if name not in recorded:
                yield name


def _editable(dist: importlib.metadata.Distribution) -> str | None:
    """Return the folder of an editable installation; None for other installations."""
    text = dist.read_text("direct_url.json")
    try:
        origin = json.loads(text) if text else {}
        if origin.get("dir_info", {}).get("editable"):
            return unquote(urlsplit(origin["url"]).path)
    except (ValueError, KeyError, AttributeError):
        return None
    return None
