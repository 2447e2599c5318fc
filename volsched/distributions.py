"""Metadata of installed packages, read so that one broken package does not break the others."""

from __future__ import annotations

import importlib.metadata
import logging
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, EntryPoint, EntryPoints, PackageNotFoundError
from typing import Any

LOG = logging.getLogger(__name__)

#: Folders of metadata that were reported in this process.
_reported: set[str] = set()


def entry_points(group: str, name: str | None = None) -> Sequence[EntryPoint]:
    """Return the entry points of a group, and of this name if given. Metadata that cannot be read is logged once.

    Of several distributions with one name, the first on the path counts, as for an import.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for dist in importlib.metadata.distributions():
        try:
            points = [it for it in dist.entry_points if it.group == group and name in (None, it.name)]
            if not points or (owner := normal_name(dist.name)) in seen:
                continue
        except Exception as problem:  # noqa: BLE001 - another package's files may hold anything
            _report(dist, problem)
            continue
        seen.add(owner)
        found += points
    return found


def unreadable() -> Iterator[tuple[str, str]]:
    """Yield the folders of metadata that cannot be read, each with the error."""
    for dist in importlib.metadata.distributions():
        try:
            list(dist.entry_points)
            if not dist.metadata["Name"]:
                yield folder_of(dist), "it names no package"
        except Exception as problem:  # noqa: BLE001 - another package's files may hold anything
            yield folder_of(dist), f"{type(problem).__name__}: {problem}"


def tolerate_unreadable() -> None:
    """Let `importlib.metadata.entry_points`, which libraries call, ignore packages whose metadata cannot be read."""
    original = importlib.metadata.entry_points
    if getattr(original, "tolerant", False):
        return

    def tolerant(**params: Any) -> Any:
        try:
            return original(**params)
        except Exception:  # noqa: BLE001 - another package's files may hold anything
            return EntryPoints(_every_entry_point()).select(**params)

    tolerant.tolerant = True  # type: ignore[attr-defined]
    importlib.metadata.entry_points = tolerant


def _every_entry_point() -> Iterator[EntryPoint]:
    seen: set[str] = set()
    for dist in importlib.metadata.distributions():
        try:
            points, owner = list(dist.entry_points), normal_name(dist.name)
        except Exception as problem:  # noqa: BLE001 - another package's files may hold anything
            _report(dist, problem)
            continue
        if points and owner not in seen:
            seen.add(owner)
            yield from points


def version(package: str) -> str:
    """Return the installed version of a package, also where an empty folder of metadata comes first on the path."""
    for dist in importlib.metadata.distributions(name=package):
        found: str | None = dist.metadata["Version"]
        if found:
            return found
    raise PackageNotFoundError(package)


def normal_name(name: str) -> str:
    """Return a package's name in normal form: case, and the choice of - _ ., are ignored."""
    return re.sub(r"[-_.]+", "-", name).lower()


def folder_of(dist: Distribution) -> str:
    """Return the folder of a distribution's metadata."""
    return str(getattr(dist, "_path", None) or dist.locate_file(""))


def _report(dist: Distribution, problem: Exception) -> None:
    folder = folder_of(dist)
    if folder not in _reported:
        _reported.add(folder)
        LOG.warning("%s cannot be read and is ignored: %s; reinstall or remove that package", folder, problem)
