"""The plugins that installed packages publish. Nothing of them is imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from stevedore import ExtensionManager

from volsched.conf.configuration import PROJECT
from volsched.distributions import entry_points, normal_name
from volsched.loader.kinds import FILTER, KINDS, WEIGHER, Kind

#: Cinder's class names that differ from ours, with our plugin names.
CINDER_NAMES = {
    "OrderedHostWeightHandler": "ordered",
    "StochasticHostWeightHandler": "stochastic",
    "RetryFilter": "ignore_attempted_hosts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One published plugin: its name, its package, and its entry point."""

    kind: Kind
    name: str
    package: str
    version: str
    entry_point: importlib.metadata.EntryPoint

    @property
    def class_name(self) -> str:
        return self.entry_point.attr

    @property
    def full_name(self) -> str:
        """The unambiguous name, for a name that several packages publish."""
        return f"{self.package}:{self.name}"

    @property
    def provider(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def vendor_fix(self) -> str:
        """The fix for a defect of the plugin itself."""
        return f"report it to the vendor of {self.package}"

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name} of {self.provider}"

    def import_class(self) -> Any:
        """Import the class with stevedore. Raise whatever its module raises, SystemExit too."""
        return _One(self.entry_point).extensions[0].plugin


#: Kind -> the entry-point group in which packages publish plugins of that kind to Cinder.
ADAPTED = {FILTER.name: "cinder.scheduler.filters", WEIGHER.name: "cinder.scheduler.weights"}
ADAPTED_PREFIX = "cinder"


class AdaptedEntry(Entry):
    """A plugin that a package publishes to Cinder, used through an adapter."""

    @property
    def adapted_names(self) -> tuple[str, str]:
        """The names that the configuration may use after `cinder:`."""
        return self.entry_point.name, self.entry_point.attr

    def import_class(self) -> Any:
        from volsched.plugins import cinder_adapters

        adapt: Any = cinder_adapters.adapted_filter if self.kind is FILTER else cinder_adapters.adapted_weigher
        return adapt(super().import_class())


class _One(ExtensionManager[Any]):  # type: ignore[misc]  # stevedore's types are not followed
    """A stevedore manager of one entry point, which keeps its distribution.

    stevedore's own list drops it, and comes from a cache on disk that a reinstallation does not renew.
    """

    def __init__(self, entry_point: importlib.metadata.EntryPoint) -> None:
        self._entry_point = entry_point
        super().__init__(entry_point.group, on_load_failure_callback=_raise)

    def list_entry_points(self) -> list[importlib.metadata.EntryPoint]:
        return [self._entry_point]


def _raise(_manager: Any, _entry_point: importlib.metadata.EntryPoint, error: BaseException) -> None:
    raise error


class Catalog:
    """Every published plugin, sorted by kind, name and package."""

    def __init__(self, entries: Iterable[Entry], adapted: Iterable[AdaptedEntry] = ()) -> None:
        self.adapted = tuple(adapted)
        order = {kind.name: position for position, kind in enumerate(KINDS)}
        self.entries = tuple(sorted(entries, key=lambda entry: (order[entry.kind.name], entry.name, entry.package)))

    @classmethod
    def discover(cls) -> Catalog:
        """Read the metadata of the installed packages."""
        entries = [_entry(kind, entry_point) for kind in KINDS for entry_point in entry_points(kind.entry_points)]
        adapted = [
            _adapted(kind, entry_point)
            for kind in KINDS
            if kind.name in ADAPTED
            for entry_point in entry_points(ADAPTED[kind.name])
        ]
        return cls(entries, adapted)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def of(self, kind: Kind) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind is kind)

    def names(self, kind: Kind) -> list[str]:
        """Return the names of a kind, each once."""
        return sorted({entry.name for entry in self.of(kind)})

    def called(self, kind: Kind, written: str) -> tuple[Entry, ...]:
        """Return the plugins that `written` may name: name, package:name, class name or Cinder's name.

        `cinder:ClassName` is a class that a package publishes to Cinder.
        """
        package, colon, name = written.rpartition(":")
        if package == ADAPTED_PREFIX:
            return tuple(entry for entry in self.adapted if entry.kind is kind and name in entry.adapted_names)
        entries = [entry for entry in self.of(kind) if not colon or _same_package(entry.package, package)]
        exact = tuple(entry for entry in entries if entry.name == name)
        if exact:
            return exact
        if name.startswith("cinder."):
            name = name.rpartition(".")[2]
        known_as = CINDER_NAMES.get(name)
        by_class = tuple(entry for entry in entries if entry.class_name == name)
        ours = tuple(entry for entry in entries if entry.package == PROJECT and entry.name == known_as)
        return by_class or ours


def _same_package(one: str, other: str) -> bool:
    return normal_name(one) == normal_name(other)


def _entry(kind: Kind, entry_point: importlib.metadata.EntryPoint) -> Entry:
    return Entry(
        kind=kind,
        name=entry_point.name,
        package=_metadata(entry_point, "Name", "(no package)"),
        version=_metadata(entry_point, "Version", "?"),
        entry_point=entry_point,
    )


def _adapted(kind: Kind, entry_point: importlib.metadata.EntryPoint) -> AdaptedEntry:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", entry_point.name).lower()
    return AdaptedEntry(
        kind=kind,
        name=f"{ADAPTED_PREFIX}_{words}",
        package=_metadata(entry_point, "Name", "(no package)"),
        version=_metadata(entry_point, "Version", "?"),
        entry_point=entry_point,
    )


def _metadata(entry_point: importlib.metadata.EntryPoint, field: str, missing: str) -> str:
    fields = entry_point.dist.metadata if entry_point.dist is not None else None
    return fields[field] if fields is not None and field in fields else missing
