"""A new plugin package: its kind, its names, and its files from templates."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType

from volsched import distributions
from volsched.exceptions import InvalidRequest
from volsched.plugins import BACKEND_CONTRACT, HOST_CONTRACT

OURS = "volsched"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PACKAGE = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
NAME_LENGTH = 30  # names become parts of option groups, environment variables and file names

#: Template -> path in the package; both may contain names.
SHARED: Mapping[str, str] = {
    "package/pyproject.toml": "pyproject.toml",
    "package/tox.ini": "tox.ini",
    "package/README.rst": "README.rst",
    "package/LICENSE": "LICENSE",
    "package/check.yaml": ".github/workflows/check.yaml",
    "package/gitignore": ".gitignore",
    "package/module.py": "src/$module/__init__.py",
    "package/py.typed": "src/$module/py.typed",
    "package/tests.py": "tests/__init__.py",
    "$kind/plugin.py": "src/$module/$name.py",
    "$kind/test.py": "tests/test_$name.py",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginKind:
    """One kind of plugin that a package can be written for."""

    name: str
    plural: str  # the last part of its entry-point group
    suffix: str  # of class names
    selected: str  # template of the configuration, or the command line, that selects the plugin $name
    requires: tuple[str, ...] = ()  # packages besides volsched

    @property
    def group(self) -> str:
        return f"volsched.{self.plural}"

    @property
    def words(self) -> str:
        """The kind as words."""
        return self.name.replace("_", " ")


_KINDS = (
    PluginKind(
        name="scheduler",
        plural="schedulers",
        suffix="Scheduler",
        selected="[scheduler]\ndriver = $name\n\n[scheduler_$name]\namong = 3",
        requires=("numpy",),
    ),
    PluginKind(
        name="filter",
        plural="filters",
        suffix="Filter",
        selected="[scheduler]\nfilters = availability_zone, capacity, capabilities, $name\n\n"
        "[filter_$name]\ncapability = $name\nrejected = broken, on loan",
    ),
    PluginKind(
        name="weigher",
        plural="weighers",
        suffix="Weigher",
        selected="[scheduler]\nweighers = capacity, $name\n\n[weigher_$name]\ncapability = $name\nmultiplier = 2",
    ),
    PluginKind(
        name="weight_handler",
        plural="weight_handlers",
        suffix="WeightHandler",
        selected="[scheduler]\nweight_handler = $name\n\n[weight_handler_$name]\nstep = 0.1",
        requires=("numpy",),
    ),
    PluginKind(
        name="notifier",
        plural="notifiers",
        suffix="Notifier",
        selected="[notifications]\nnotifiers = ops\n\n"
        "[notifier_ops]\ndriver = $name\nurl = https://events.example.org/volsched",
    ),
    PluginKind(
        name="backend",
        plural="backends",
        suffix="Backend",
        selected="[agent]\nbackends = disk1\n\n[backend_disk1]\ndriver = $name\npath = /srv/volumes\nsize_gb = 100",
    ),
    PluginKind(name="command", plural="commands", suffix="Command", selected="volsched $words", requires=("cliff",)),
)

#: The kinds by name.
PLUGIN_KINDS: Mapping[str, PluginKind] = MappingProxyType({kind.name: kind for kind in _KINDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPackage:
    """A package for one plugin. Constructed by `planned`, which checks the names."""

    kind: PluginKind
    name: str
    package: str

    @property
    def module(self) -> str:
        return module_of(self.package)

    @property
    def class_name(self) -> str:
        words = "".join(word.capitalize() for word in self.name.split("_"))
        return words.removesuffix(self.kind.suffix) + self.kind.suffix

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path in the package and the text of every file."""
        words = self._words()
        for source, target in SHARED.items():
            template = files("volsched.ops.scaffold") / "templates" / f"{Template(source).substitute(words)}.template"
            yield Template(target).substitute(words), Template(template.read_text("utf-8")).substitute(words)

    def write(self, folder: Path) -> list[Path]:
        """Write every file below `folder`, a new one. Raise InvalidRequest where it exists and is not empty."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidRequest("--folder", f"expected a new folder, got {folder}; name another folder")
        written = []
        try:
            for name, text in self.files():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
                written.append(path)
        except OSError as error:
            problem = f"{error.filename or folder} cannot be written: {error.strerror}; name another folder"
            raise InvalidRequest("--folder", problem) from error
        return written

    def _words(self) -> Mapping[str, str]:
        names = {
            "name": self.name,
            "words": self.name.replace("_", " "),
            "package": self.package,
            "module": self.module,
            "class_name": self.class_name,
            "kind": self.kind.name,
            "spelt": self.kind.words,
            "group": self.kind.group,
            "contract": repr(BACKEND_CONTRACT if self.kind.name == "backend" else HOST_CONTRACT),
            "version": distributions.version(OURS),
        }
        needed = [f"{OURS}>={names['version']}", *self.kind.requires]
        selected = Template(self.kind.selected).substitute(names)
        return {
            **names,
            "underline": "=" * len(self.package),
            "dependencies": ", ".join(f'"{need}"' for need in needed),
            "selected": "\n".join(f"    {line}".rstrip() for line in selected.splitlines()),
        }


def planned(kind: str, name: str, package: str | None = None) -> NewPackage:
    """Return the package for a plugin of this kind and name. Raise InvalidRequest for names that cannot be used."""
    written = kind.strip().lower().replace(" ", "_").replace("-", "_")
    by_plural = {it.plural: it for it in PLUGIN_KINDS.values()}
    found = PLUGIN_KINDS.get(written.removesuffix("_driver")) or by_plural.get(written)
    if found is None:
        raise InvalidRequest("KIND", f"expected one of {', '.join(PLUGIN_KINDS)}, got {kind!r}")
    _check_name(found, name)
    made = NewPackage(kind=found, name=name, package=package or f"{OURS}-{name.replace('_', '-')}")
    _check_package(made)
    _check_free(made)
    return made


def module_of(package: str) -> str:
    """Return the name of a package's module."""
    return re.sub(r"[-_.]+", "_", package).lower()


def _check_name(kind: PluginKind, name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > NAME_LENGTH:
        what = f"expected the name of a {kind.words}, which becomes part of option groups, got {name!r}"
        fix = f"use at most {NAME_LENGTH} lower-case letters, digits and single underscores, beginning with a letter"
        suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")[:NAME_LENGTH].rstrip("_")
        raise InvalidRequest("NAME", f"{what}; {fix}" + (f", for example {suggestion}" if suggestion else ""))
    if keyword.iskeyword(name):
        raise InvalidRequest("NAME", f"expected the name of a module, got the keyword {name!r}; use another name")


def _check_package(made: NewPackage) -> None:
    package, module = made.package, made.module
    if not PACKAGE.fullmatch(package):
        fix = "use letters, digits, hyphens, underscores and dots, beginning with a letter"
        raise InvalidRequest("--package", f"expected the name of a package, got {package!r}; {fix}")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in (OURS, "volsched_drivers", "tests"):
        raise InvalidRequest("--package", f"its module {module!r} would hide another module; use another name")


def _check_free(made: NewPackage) -> None:
    for point in distributions.entry_points(made.kind.group, made.name):
        owner = point.dist.name if point.dist is not None else "another package"
        if module_of(owner) != made.module:
            what = f"{made.name!r} is one of the {made.kind.plural.replace('_', ' ')} that {owner} publishes"
            raise InvalidRequest("NAME", f"{what}; use another name, since names must be unique")
