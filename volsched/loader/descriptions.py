"""Descriptions of plugins, read from their source without import, or in full from the class."""

from __future__ import annotations

import ast
import importlib.machinery
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volsched.conf.option_types import allowed
from volsched.conf.opts import INSTANCE_OPTIONS
from volsched.exceptions import PluginError
from volsched.loader.catalog import Entry
from volsched.loader.class_checks import load_class
from volsched.loader.problems import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a class body states; `note` is the reason where nothing was found."""

    contract: str | None = None
    maturity: str | None = None
    note: str | None = None


def stated(entry: Entry) -> Stated:
    """Return what the source of a plugin's class states, without an import."""
    file = source_file(entry.entry_point.module)
    if file is None:
        return Stated(note="its module does not exist, or has no source")
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        return Stated(note=f"its module cannot be read: {error}")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == entry.class_name:
            values = dict(_constants(node))
            contract = values.get("contract")
            text = ".".join(map(str, contract)) if isinstance(contract, tuple) else None
            return Stated(contract=text, maturity=str(values.get("maturity", "stable")))
    return Stated(note=f"{entry.entry_point.module} defines no class {entry.class_name} itself")


def _constants(body: ast.ClassDef) -> list[tuple[str, Any]]:
    found = []
    for node in body.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and target.id in ("contract", "maturity") and value is not None:
                try:
                    found.append((target.id, ast.literal_eval(value)))
                except ValueError:
                    continue  # computed at import
    return found


def source_file(module: str) -> Path | None:
    """Return the file of a module without importing its packages."""
    search: Sequence[str] | None = None
    spec: importlib.machinery.ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = _find(".".join(parts[:depth]), search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    return Path(str(spec.origin))


def _find(name: str, search: Sequence[str] | None) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        found = find(name, search) if find is not None else None
        if isinstance(found, importlib.machinery.ModuleSpec):
            return found
    return None


def described(entry: Entry) -> dict[str, Any]:
    """Return everything about one plugin as plain data. Raise PluginError where the plugin cannot be used."""
    findings = Findings()
    found = load_class(entry, findings)
    if found is None:
        raise PluginError(entry.name, "; ".join(f"{problem.what} ({problem.code})" for problem in findings.fatal))
    options = list(found.config_opts())
    if entry.kind.instances:
        options = INSTANCE_OPTIONS[entry.kind.entry_points](entry.name) + options
    return {
        "name": entry.name,
        "kind": entry.kind.name,
        "summary": (inspect.getdoc(found) or "").partition("\n")[0],
        "package": entry.package,
        "version": entry.version,
        "class": entry.entry_point.value,
        "file": inspect.getfile(found),
        "contract": ".".join(map(str, found.contract)),
        "maturity": found.maturity,
        "capabilities": sorted(found.capabilities),
        "section": f"[{entry.kind.prefix}{'<instance>' if entry.kind.instances else entry.name}]",
        "options": [_option(option) for option in options],
    }


def _option(option: Any) -> dict[str, Any]:
    return {
        "name": option.dest,
        "help": option.help or "(no help text)",
        "allowed": allowed(option),
        "required": bool(option.required),
        "default": option.default,
        "secret": bool(option.secret),
    }
