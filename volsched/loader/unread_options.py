"""What the configuration holds that nobody reads: misspelt options and sections, sections of what is not selected."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection, Iterator, Mapping

from oslo_config import cfg

from volsched.conf import profiles
from volsched.conf.configuration import Configuration, environment_name, spellings
from volsched.conf.opts import shipped_opts
from volsched.conf.origin import Assignment, group_name
from volsched.loader.catalog import Catalog
from volsched.loader.kinds import KINDS, Kind
from volsched.loader.problems import Findings, did_you_mean, listed

#: Libraries that read options of their own from the same files.
LIBRARIES = ("oslo.log", "oslo.messaging")

Names = dict[str, set[str]]


def find_unread(conf: Configuration, catalog: Catalog, kinds: Collection[Kind], findings: Findings) -> None:
    """Name every section, option and environment variable that has no effect. Call it when all options are known.

    Sections of plugins whose kind was not asked for are passed over.
    """
    known, old = _known(conf)
    passed_over = tuple(kind.prefix for kind in KINDS if kind not in kinds)
    suspects = [item for item in conf.settings.assignments if item.name not in known.get(item.group, ())]
    headings = [item for item in conf.settings.sections if item.group not in known]
    if suspects or headings:
        _add(known, _of_libraries())
    for heading in headings:
        if heading.group not in known and not heading.group.startswith(passed_over):
            _section(catalog, known, heading.group, f"{heading.file}:{heading.line}", findings)
    for item in suspects:
        if item.group in known and item.name not in known[item.group]:
            _option(known, item, findings)
    _environment(conf, catalog, kinds, known, old, findings)
    _old_names(conf, known, findings)
    several = {spelt for group, option in conf.options() if option.multi for spelt in spellings(group, option)}
    for first, second in conf.settings.repeated():
        if (first.group, first.name) in several:
            continue
        what = f"[{first.group}] {first.name} is set again in line {second.line}, and that counts"
        findings.warn("VS124", str(first.origin), what, "keep one of them")


def _known(conf: Configuration) -> tuple[Names, Mapping[str, str]]:
    """Group -> names that a file may use, and the old names with what they are called now."""
    known: Names = {"DEFAULT": set()}
    old: dict[str, str] = {}
    for group, option in conf.options():
        for position, (spelt_group, name) in enumerate(spellings(group, option)):
            known.setdefault(spelt_group, set()).add(name)
            if position:
                old[f"[{spelt_group}] {name}"] = f"[{group}] {option.dest}"
    for group in conf.groups():
        known.setdefault(group, set())
    return known, old


def _add(known: Names, more: Iterator[tuple[str, str]]) -> None:
    for group, name in more:
        known.setdefault(group, set()).add(name)


def _of_libraries() -> Iterator[tuple[str, str]]:
    published = importlib.metadata.entry_points(group="oslo.config.opts")
    for entry in published:
        if entry.name in LIBRARIES:
            for group, options in entry.load()():
                yield from _spelt(str(getattr(group, "name", group) or "DEFAULT"), options)


def _spelt(group: str, options: list[cfg.Opt]) -> Iterator[tuple[str, str]]:
    for option in options:
        yield from spellings(group_name(group), option)


def _section(catalog: Catalog, known: Names, group: str, where: str, findings: Findings) -> None:
    if group.startswith(profiles.PREFIX):
        name = group.removeprefix(profiles.PREFIX)
        what = f"[{group}] is not used: [scheduler] profiles does not name {name!r}, nor does a profile such a plugin"
        findings.warn("VS116", where, what, "name it there, or take the section out")
        return
    for kind in KINDS:
        if not group.startswith(kind.prefix):
            continue
        name = group.removeprefix(kind.prefix)
        if kind.instances or name in catalog.names(kind):
            what = f"[{group}] is not used: [{kind.section}] {kind.option} does not name {name!r}"
            findings.warn("VS116", where, what, "name it there, or take the section out")
            return
    sections = {*known, *(kind.prefix + name for kind in KINDS for name in catalog.names(kind))}
    hint = did_you_mean(group, sections)
    fix = hint or f"the sections read are: {listed(sorted(known))}"
    findings.add("VS123", where, f"nobody reads a section [{group}]", fix.strip())


def _option(known: Names, item: Assignment, findings: Findings) -> None:
    if item.group == "DEFAULT" and _belongs_to_unselected(item.name):
        what = f"{item.name} is an option of a plugin that is not selected"
        findings.warn("VS116", str(item.origin), what, "select the plugin, or take the option out")
        return
    what = f"[{item.group}] has no option {item.name!r}"
    findings.add("VS109", str(item.origin), what, _mend(known, item.group, item.name))


def _mend(known: Names, group: str, name: str) -> str:
    hint = did_you_mean(name, known[group])
    homes = sorted(other for other, names in known.items() if other != group and name in names)
    if homes and not hint:
        return f"it belongs into [{homes[0]}]"
    if group == "DEFAULT":
        return hint.strip() or "options of volsched are in sections: volsched config sample shows them all"
    return f"{hint}[{group}] has: {listed(sorted(known[group]))}"


def _belongs_to_unselected(name: str) -> bool:
    return any(("DEFAULT", name) in spellings(group.name, option) for group, opts in shipped_opts() for option in opts)


def _environment(
    conf: Configuration,
    catalog: Catalog,
    kinds: Collection[Kind],
    known: Names,
    old: Mapping[str, str],
    findings: Findings,
) -> None:
    for variable in sorted(conf.environment):
        match = re.fullmatch(r"OS_([A-Z][A-Z0-9_]*?)__([A-Z0-9_]+)", variable)
        if not match:
            continue
        group, name = match[1].lower(), match[2].lower()
        where = f"environment variable {variable}"
        now = old.get(f"[{'DEFAULT' if group == 'default' else group}] {name}")
        if now is not None and now != f"[{group}] {name}":
            section, _, option = now.removeprefix("[").partition("] ")
            fix = f"set {environment_name(section, option)} instead"
            findings.add("VS109", where, "old names of options count in files only", fix)
        elif group in conf and name not in {option.dest for at, option in conf.options() if at == group}:
            findings.add("VS109", where, f"[{group}] has no option {name!r}", _mend(known, group, name))
        elif group not in conf and group.startswith((profiles.PREFIX, *(kind.prefix for kind in kinds))):
            _section(catalog, known, group, where, findings)


def _old_names(conf: Configuration, known: Names, findings: Findings) -> None:
    for group, option in conf.options():
        names = spellings(group, option)
        for item in conf.settings.assignments:
            if (item.group, item.name) in names[1:]:
                what = f"[{item.group}] {item.name} is an old name of [{group}] {option.dest}"
                if conf.settings.last(names) != item:
                    what += ", which is set as well and counts"
                findings.warn("VS122", str(item.origin), what, f"write it as [{group}] {option.dest}")
