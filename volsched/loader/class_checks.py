"""Checks of a plugin class before construction: release, import, type, completeness, capabilities, contract."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from volsched import distributions
from volsched.conf.configuration import PROJECT
from volsched.distributions import normal_name
from volsched.exceptions import PluginError
from volsched.loader.catalog import Entry
from volsched.loader.kinds import KINDS, Kind
from volsched.loader.problems import Findings, listed
from volsched.plugins.options import Plugin

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Contract = tuple[int, int]

#: (kind, older major) -> the adapter for classes of that contract. Backends of contract 1 have none: they do
#: not know which attempt they act for, so that an agent which lost its lease would remove other people's volumes.
ADAPTERS: Mapping[tuple[str, int], Callable[[type[Plugin]], type[Plugin]]] = MappingProxyType({})

#: (kind, capability) -> its methods. Default: one method with the capability's name in lower case.
CAPABILITIES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("backend", "MIGRATE"): ("offer", "migrate"),
        ("backend", "SNAPSHOT"): ("snapshot", "delete_snapshot", "create_from_snapshot"),
    }
)


def load_class(entry: Entry, findings: Findings) -> type[Plugin] | None:
    """Return the class of a plugin; None, with problems added, where it cannot be used."""
    if not _release_fits(entry, findings):
        return None
    found = _import(entry, findings)
    if found is None or not _is_of_kind(entry, found, findings):
        return None
    adapted = _fits_contract(entry, found, findings)  # first: what a class of another contract lacks says nothing
    if adapted is None or not _is_complete(entry, adapted, findings):
        return None
    return adapted if _has_declared_methods(entry, adapted, findings) else None


def requirements(entry: Entry) -> Iterator[Requirement]:
    """Yield the requirements of its package that apply to this environment."""
    from packaging.requirements import InvalidRequirement, Requirement  # here, because only third-party plugins need it

    declared = entry.entry_point.dist.requires if entry.entry_point.dist is not None else None
    for text in declared or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # pip refuses such a package; one that was installed by hand may still work
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _release_fits(entry: Entry, findings: Findings) -> bool:
    if entry.package == PROJECT:
        return True
    for requirement in requirements(entry):
        if normal_name(requirement.name) != PROJECT:
            continue
        installed = distributions.version(PROJECT)
        if not requirement.specifier.contains(installed, prereleases=True):
            what = f"{entry.provider} was made for {requirement}, but {PROJECT} {installed} is installed"
            fix = f"install a release of {entry.package} made for {PROJECT} {installed}, or {requirement}"
            findings.add("VS105", str(entry), what, fix)
            return False
    return True


def _import(entry: Entry, findings: Findings) -> Any:
    try:
        return entry.import_class()
    except PluginError as error:
        fix = "select a plugin of volsched instead, or adapt the class to its plugin interface"
        findings.add("VS112", str(entry), error.problem, fix)
        return None
    except SystemExit as error:
        what = f"its import exits the program: SystemExit({error.code!r})"
        fix = f"update {entry.package}, or report it to its vendor: an import must not exit"
    except ModuleNotFoundError as error:
        what = f"cannot be imported: {type(error).__name__}: {error}"
        fix = _what_to_install(entry, error.name or "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin's module may raise anything; the operator sees it
        what = f"cannot be imported: {type(error).__name__}: {error}"
        fix = f"update or reinstall {entry.package}, or report it to its vendor"
    findings.add("VS103", str(entry), what, fix)
    return None


def _what_to_install(entry: Entry, module: str) -> str:
    if module and (entry.entry_point.module + ".").startswith(module + "."):
        return f"reinstall {entry.provider}, which is damaged or partly removed"
    unmet = [str(requirement) for requirement in requirements(entry) if not _met(requirement)]
    if unmet:
        return f"install what {entry.package} requires: pip install {' '.join(repr(text) for text in unmet)}"
    top = module.partition(".")[0]
    return f"install the package that has the module {top!r}; {entry.package} does not name it in its requirements"


def _met(requirement: Requirement) -> bool:
    try:
        installed = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(installed, prereleases=True)


def _is_of_kind(entry: Entry, found: Any, findings: Findings) -> bool:
    kind = entry.kind
    base = " or ".join(f"volsched.plugins.{base.__name__}" for base in kind.bases)
    if not inspect.isclass(found):
        what = f"{entry.entry_point.value}: expected a class, got {_a(type(found).__name__)}"
    elif kind.includes(found):
        return True
    else:
        what = f"{entry.entry_point.value}: expected a {kind.name}, got {_kind_of(kind, found)}"
    fix = f"{entry.vendor_fix}: a {kind.name} derives from {base}"
    findings.add("VS112", str(entry), what, fix)
    return False


def _kind_of(kind: Kind, found: type) -> str:
    for other in KINDS:
        if other is not kind and other.includes(found):
            return f"a {other.name}"
    return "a plugin of no kind" if issubclass(found, Plugin) else "a class that is not a plugin"


def _a(noun: str) -> str:
    return f"{'an' if re.match('[aeiouAEIOU]', noun) else 'a'} {noun}"


def _is_complete(entry: Entry, found: type[Plugin], findings: Findings) -> bool:
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        what = f"{entry.entry_point.value} lacks required methods: {listed(missing)}"
        findings.add("VS112", str(entry), what, f"{entry.vendor_fix}, or select another {entry.kind.name}")
    return not missing


def _has_declared_methods(entry: Entry, found: type[Plugin], findings: Findings) -> bool:
    declared, fix = found.capabilities, f"{entry.vendor_fix}, or select another {entry.kind.name}"
    if not isinstance(declared, frozenset) or not all(isinstance(name, str) for name in declared):
        what = f"{entry.entry_point.value}: expected capabilities as a frozenset of names, got {declared!r}"
        findings.add("VS112", str(entry), what, fix)
        return False
    missing = []
    for name in sorted(declared):
        needed = CAPABILITIES.get((entry.kind.name, name), (name.lower(),))
        missing += [f"{name} without {method}()" for method in needed if not callable(getattr(found, method, None))]
    if missing:
        what = f"{entry.entry_point.value} declares capabilities whose methods are missing: {listed(missing)}"
        findings.add("VS112", str(entry), what, fix)
    return not missing


def _fits_contract(entry: Entry, found: type[Plugin], findings: Findings) -> type[Plugin] | None:
    offered = entry.kind.contract
    host = ".".join(map(str, offered))
    stated = found.__dict__.get("contract")
    if not (isinstance(stated, tuple) and len(stated) == 2 and all(type(part) is int for part in stated)):
        what = f"{entry.entry_point.value}: expected contract = (major, minor) in the class body, got none"
        fix = f"{entry.vendor_fix}: the class body needs contract = {offered}"
        findings.add("VS106", str(entry), what, fix)
        return None
    what = f"written for contract {stated[0]}.{stated[1]}, but this volsched offers {host}"
    if stated > offered:
        findings.add("VS106", str(entry), what, f"upgrade volsched to a release that offers {stated[0]}.{stated[1]}")
        return None
    if stated[0] == offered[0]:
        return found
    adapter = ADAPTERS.get((entry.kind.name, stated[0]))
    if adapter is None or stated[0] < offered[0] - 1:
        findings.add("VS106", str(entry), what, f"upgrade {entry.package} to a release for contract {host}")
        return None
    findings.warn("VS121", str(entry), what, f"upgrade {entry.package}; until then the plugin runs through an adapter")
    return adapter(found)
