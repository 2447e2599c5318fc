"""One package to be written: its names, checked, and its files, rendered."""

from __future__ import annotations

import importlib.metadata
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from volsched.exceptions import InvalidRequest
from volsched.ops.scaffold.kinds import SORTS, Sort
from volsched.plugins import BACKEND_CONTRACT, HOST_CONTRACT

OURS = "volsched"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PACKAGE = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
LONGEST = 30  # names become parts of option groups, environment variables and file names

#: Template -> where it goes; both may have names in them.
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
class NewPackage:
    """A package for one plugin. Made by `planned`, which checks the names."""

    sort: Sort
    name: str
    package: str

    @property
    def module(self) -> str:
        return module_of(self.package)

    @property
    def class_name(self) -> str:
        words = "".join(word.capitalize() for word in self.name.split("_"))
        return words.removesuffix(self.sort.suffix) + self.sort.suffix

    def files(self) -> Iterator[tuple[str, str]]:
        """Every file: its path inside the package's folder, and its text."""
        words = self._words()
        for source, target in SHARED.items():
            template = files("volsched.ops.scaffold") / "templates" / f"{Template(source).substitute(words)}.template"
            yield Template(target).substitute(words), Template(template.read_text("utf-8")).substitute(words)

    def write(self, folder: Path) -> list[Path]:
        """Write every file below `folder`, which is made. Raises InvalidRequest where it holds anything already."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidRequest("--folder", f"{folder} is there already, and nothing is overwritten: name another")
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
            "kind": self.sort.name,
            "spelt": self.sort.spelt,
            "group": self.sort.group,
            "contract": repr(BACKEND_CONTRACT if self.sort.name == "backend" else HOST_CONTRACT),
            "version": importlib.metadata.version(OURS),
        }
        needed = [f"{OURS}>={names['version']}", *self.sort.requires]
        selected = Template(self.sort.selected).substitute(names)
        return {
            **names,
            "underline": "=" * len(self.package),
            "dependencies": ", ".join(f'"{need}"' for need in needed),
            "selected": "\n".join(f"    {line}".rstrip() for line in selected.splitlines()),
        }


def planned(kind: str, name: str, package: str | None = None) -> NewPackage:
    """The package for a plugin of this kind and name. Raises InvalidRequest, which names the fix."""
    written = kind.strip().lower().replace(" ", "_").replace("-", "_")
    by_plural = {sort.plural: sort for sort in SORTS.values()}
    sort = SORTS.get(written.removesuffix("_driver")) or by_plural.get(written)
    if sort is None:
        raise InvalidRequest("KIND", f"{kind!r} is no kind of plugin; there are {', '.join(SORTS)}")
    _check_name(sort, name)
    made = NewPackage(sort=sort, name=name, package=package or f"{OURS}-{name.replace('_', '-')}")
    _check_package(made)
    _check_free(made)
    return made


def module_of(package: str) -> str:
    """The name that a package's module has."""
    return re.sub(r"[-_.]+", "_", package).lower()


def _check_name(sort: Sort, name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        what = f"{name!r} cannot be the name of a {sort.spelt}, for it becomes part of option groups and of environment"
        fix = f"take small letters, digits and single underscores, a letter first, at most {LONGEST}"
        suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")[:LONGEST].rstrip("_")
        raise InvalidRequest("NAME", f"{what} variables: {fix}" + (f"; perhaps {suggestion}" if suggestion else ""))
    if keyword.iskeyword(name):
        raise InvalidRequest("NAME", f"{name!r} is a word of Python's, and names a module here: take another")


def _check_package(made: NewPackage) -> None:
    package, module = made.package, made.module
    if not PACKAGE.fullmatch(package):
        fix = "take letters, digits, hyphens, underscores and dots, a letter first"
        raise InvalidRequest("--package", f"{package!r} cannot be the name of a package: {fix}")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in (OURS, "volsched_drivers", "tests"):
        raise InvalidRequest("--package", f"its module would be {module!r}, which is taken: take another name")


def _check_free(made: NewPackage) -> None:
    for point in importlib.metadata.entry_points(group=made.sort.group, name=made.name):
        owner = point.dist.name if point.dist is not None else "another package"
        if module_of(owner) != made.module:
            what = f"{made.name!r} is one of the {made.sort.plural.replace('_', ' ')} that {owner} publishes"
            raise InvalidRequest("NAME", f"{what}: take another name, or two packages would be in each other's way")
