"""Checks of installed packages: what they need is there, and their files are as they were installed."""

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

from volsched.conf.configuration import PROJECT
from volsched.loader import Catalog, Problem
from volsched.loader.catalog import normal_package
from volsched.loader.problems import listed
from volsched.loader.selection import selected_entries
from volsched.ops.doctor.context import DoctorContext, failure, warning

COMMANDS = "volsched.commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One package's files beside its RECORD. `note` says why nothing could be compared."""

    package: str
    version: str
    place: str
    files: int = 0
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()  # modules beside its own that no installer put there
    note: str | None = None

    @property
    def well(self) -> bool:
        return not (self.changed or self.missing or self.unrecorded)


def publishers(catalog: Catalog) -> Mapping[str, importlib.metadata.Distribution]:
    """Every package that publishes a plugin or a command of volsched, by name."""
    commands = importlib.metadata.entry_points(group=COMMANDS)
    found = [entry.entry_point.dist for entry in catalog] + [command.dist for command in commands]
    return {dist.name: dist for dist in sorted((it for it in found if it is not None), key=lambda it: it.name)}


# -- what they need ------------------------------------------------------------------------------------------------


def unmet(scene: DoctorContext) -> Iterator[Problem]:
    """Requirements of volsched and of the packages of its plugins, as pip would check them."""
    needed = {normal_package(entry.package) for entry in selected_entries(scene.conf, scene.catalog)} | {PROJECT}
    for name, dist in publishers(scene.catalog).items():
        tell = failure if normal_package(name) in needed else warning
        for requirement, installed in _unmet(dist):
            if installed is None:
                what, make = f"needs {requirement}, which is not installed", tell
            else:
                what, make = f"needs {requirement}, and {installed} is installed", warning
            yield make("VS203", f"package {name} {dist.version}", what, f"pip install {requirement!r}")


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


# -- what is installed ---------------------------------------------------------------------------------------------


def damaged(scene: DoctorContext) -> Iterator[Problem]:
    """Files of packages with plugins that are not as they were installed."""
    for verified in verify(scene.catalog):
        where = f"package {verified.package} {verified.version} in {verified.place}"
        for what, names in (
            ("changed", verified.changed),
            ("missing", verified.missing),
            ("put there by no installer", verified.unrecorded),
        ):
            if names:
                told = listed(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
                yield warning(
                    "VS204", where, f"{what}: {told}", f"reinstall {verified.package}, or find out who did it"
                )


def verify(catalog: Catalog) -> Iterator[Verified]:
    """The files of every package that publishes a plugin or a command, compared with what was installed."""
    for name, dist in publishers(catalog).items():
        yield _verified(name, dist)


def _verified(name: str, dist: importlib.metadata.Distribution) -> Verified:
    place = Path(str(dist.locate_file("")))
    record = dist.read_text("RECORD")
    editable = _editable(dist)
    if editable is not None:
        note = f"an editable install of {editable}: its files are not recorded"
        return Verified(package=name, version=dist.version, place=str(place), note=note)
    if record is None:
        note = "there is no RECORD of what was installed"
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
    """Whether a file has the hash of a RECORD line. Raises OSError where it cannot be read."""
    algorithm, _, digest = mark.partition("=")
    content = file.read_bytes()
    if algorithm not in hashlib.algorithms_guaranteed:
        return True  # nobody can tell
    made = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == digest.rstrip("=")


def _unrecorded(place: Path, recorded: set[str]) -> Iterator[str]:
    """Modules in the package's own folders (those whose __init__.py is its own) that are not recorded."""
    for init in sorted(path for path in recorded if path.endswith("/__init__.py")):
        folder = Path(init).parent
        for file in sorted((place / folder).glob("*.py")):
            name = str(folder / file.name)
            if name not in recorded:
                yield name


def _editable(dist: importlib.metadata.Distribution) -> str | None:
    """The folder of an editable install; None where it is none."""
    text = dist.read_text("direct_url.json")
    try:
        origin = json.loads(text) if text else {}
        if origin.get("dir_info", {}).get("editable"):
            return unquote(urlsplit(origin["url"]).path)
    except (ValueError, KeyError, AttributeError):
        return None
    return None
