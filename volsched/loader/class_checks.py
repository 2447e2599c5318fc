"""From a published name to a class that can be trusted: release, import, type, completeness, contract."""

from __future__ import annotations

import importlib.metadata
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from volsched.conf.configuration import PROJECT
from volsched.loader.catalog import Entry, normal_package
from volsched.loader.kinds import KINDS, Kind
from volsched.loader.problems import Findings, listed
from volsched.plugins.options import HOST_CONTRACT, Plugin

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Contract = tuple[int, int]

#: (kind, older major) -> what makes a class of that contract one of today's. There is no older contract yet.
ADAPTERS: Mapping[tuple[str, int], Callable[[type[Plugin]], type[Plugin]]] = MappingProxyType({})

#: (kind, capability) -> its methods, where they are not one with the name of the capability in small letters.
CAPABILITIES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("backend", "MIGRATE"): ("offer", "migrate"),
        ("backend", "SNAPSHOT"): ("snapshot", "delete_snapshot", "create_from_snapshot"),
    }
)


def load_class(entry: Entry, findings: Findings) -> type[Plugin] | None:
    """The class of a plugin, if it can be used; else None, and what is wrong with it is found."""
    if not _release_fits(entry, findings):
        return None
    found = _import(entry, findings)
    if found is None or not _is_one(entry, found, findings) or not _is_complete(entry, found, findings):
        return None
    if not _can_what_it_declares(entry, found, findings):
        return None
    return _of_contract(entry, found, findings)


def requirements(entry: Entry) -> Iterator[Requirement]:
    """What its package says that it needs here."""
    from packaging.requirements import InvalidRequirement, Requirement  # here, for strangers' plugins only need it

    declared = entry.entry_point.dist.requires if entry.entry_point.dist is not None else None
    for text in declared or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # pip refuses such a package; a hand-made one can still be tried
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _release_fits(entry: Entry, findings: Findings) -> bool:
    if entry.package == PROJECT:
        return True
    for requirement in requirements(entry):
        if normal_package(requirement.name) != PROJECT:
            continue
        installed = importlib.metadata.version(PROJECT)
        if not requirement.specifier.contains(installed, prereleases=True):
            what = f"{entry.provider} was made for {requirement}, and {PROJECT} {installed} is installed"
            fix = f"install a release of {entry.package} made for {PROJECT} {installed}, or {requirement}"
            findings.add("VS105", str(entry), what, fix)
            return False
    return True


def _import(entry: Entry, findings: Findings) -> Any:
    try:
        return entry.import_class()
    except SystemExit as error:
        what = f"its import ends the program: SystemExit({error.code!r})"
        fix = f"a module must not exit when it is imported: update {entry.package}, or tell its vendor"
    except ModuleNotFoundError as error:
        what = f"cannot be imported: {type(error).__name__}: {error}"
        fix = _what_to_install(entry, error.name or "")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a stranger's module may raise anything; the operator is told
        what = f"cannot be imported: {type(error).__name__}: {error}"
        fix = f"update or reinstall {entry.package}, or tell its vendor"
    findings.add("VS103", str(entry), what, fix)
    return None


def _what_to_install(entry: Entry, module: str) -> str:
    if module and (entry.entry_point.module + ".").startswith(module + "."):
        return f"{entry.provider} is damaged or half removed: reinstall it"
    unmet = [str(requirement) for requirement in requirements(entry) if not _met(requirement)]
    if unmet:
        return f"{entry.package} needs what is not installed: pip install {' '.join(repr(text) for text in unmet)}"
    top = module.partition(".")[0]
    return f"install the package that brings the module {top!r}; {entry.package} does not say which it is"


def _met(requirement: Requirement) -> bool:
    try:
        installed = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(installed, prereleases=True)


def _is_one(entry: Entry, found: Any, findings: Findings) -> bool:
    kind = entry.kind
    base = " or ".join(f"volsched.plugins.{base.__name__}" for base in kind.bases)
    if not inspect.isclass(found):
        what = f"{entry.entry_point.value} is {_a(type(found).__name__)}, not a class"
    elif kind.made_of(found):
        return True
    else:
        what = f"{entry.entry_point.value} is {_what_it_is(kind, found)}, not a {kind.name}"
    fix = f"a {kind.name} derives from {base}; tell the vendor of {entry.package}"
    findings.add("VS112", str(entry), what, fix)
    return False


def _what_it_is(kind: Kind, found: type) -> str:
    for other in KINDS:
        if other is not kind and other.made_of(found):
            return f"a {other.name}"
    return "a plugin of no kind" if issubclass(found, Plugin) else "a class that is no plugin"


def _a(noun: str) -> str:
    return f"{'an' if re.match('[aeiouAEIOU]', noun) else 'a'} {noun}"


def _is_complete(entry: Entry, found: type[Plugin], findings: Findings) -> bool:
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        what = f"{entry.entry_point.value} lacks what every {entry.kind.name} has: {listed(missing)}"
        findings.add("VS112", str(entry), what, f"tell the vendor of {entry.package}, or select another")
    return not missing


def _can_what_it_declares(entry: Entry, found: type[Plugin], findings: Findings) -> bool:
    declared, fix = found.capabilities, f"tell the vendor of {entry.package}, or select another"
    if not isinstance(declared, frozenset) or not all(isinstance(name, str) for name in declared):
        what = f"{entry.entry_point.value} has the capabilities {declared!r}, which are no frozenset of names"
        findings.add("VS112", str(entry), what, fix)
        return False
    missing = []
    for name in sorted(declared):
        needed = CAPABILITIES.get((entry.kind.name, name), (name.lower(),))
        missing += [f"{name} without {method}()" for method in needed if not callable(getattr(found, method, None))]
    if missing:
        what = f"{entry.entry_point.value} declares what it cannot do: {listed(missing)}"
        findings.add("VS112", str(entry), what, fix)
    return not missing


def _of_contract(entry: Entry, found: type[Plugin], findings: Findings) -> type[Plugin] | None:
    host = ".".join(map(str, HOST_CONTRACT))
    stated = found.__dict__.get("contract")
    if not (isinstance(stated, tuple) and len(stated) == 2 and all(type(part) is int for part in stated)):
        what = f"{entry.entry_point.value} states no contract of its own"
        fix = f"its class body needs contract = {HOST_CONTRACT}: tell the vendor of {entry.package}"
        findings.add("VS106", str(entry), what, fix)
        return None
    what = f"written for contract {stated[0]}.{stated[1]}, and this volsched offers {host}"
    if stated > HOST_CONTRACT:
        findings.add("VS106", str(entry), what, f"upgrade volsched to a release that offers {stated[0]}.{stated[1]}")
        return None
    if stated[0] == HOST_CONTRACT[0]:
        return found
    adapter = ADAPTERS.get((entry.kind.name, stated[0]))
    if adapter is None or stated[0] < HOST_CONTRACT[0] - 1:
        findings.add("VS106", str(entry), what, f"upgrade {entry.package} to a release for contract {host}")
        return None
    findings.warn("VS121", str(entry), what, f"it works through an adapter, for now; upgrade {entry.package}")
    return adapter(found)
