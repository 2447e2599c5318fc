"""Checks for configuration without effect: unknown options and sections, sections of plugins that are not selected."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from oslo_config import cfg

from volsched.conf.configuration import Configuration, environment_name, spellings
from volsched.conf.opts import shipped_opts
from volsched.conf.origin import Assignment, group_name
from volsched.conf.scheduling import PROFILE_PREFIX
from volsched.distributions import entry_points
from volsched.loader.catalog import Catalog
from volsched.loader.kinds import KINDS, Kind
from volsched.loader.problems import Findings, did_you_mean, listed

#: Libraries that read their own options from the same files.
LIBRARIES = ("oslo.log", "oslo.messaging")

Names = dict[str, set[str]]


def find_unread(conf: Configuration, catalog: Catalog, kinds: Collection[Kind], findings: Findings) -> None:
    """Report sections, options and environment variables without effect. Call it once all options are registered.

    Sections of plugins of other kinds than `kinds` are ignored.
    """
    known, old = _known(conf)
    ignored = tuple(kind.prefix for kind in KINDS if kind not in kinds)
    suspects = [item for item in conf.settings.assignments if item.name not in known.get(item.group, ())]
    headings = [item for item in conf.settings.sections if item.group not in known]
    if suspects or headings:
        _add(known, _of_libraries())
    for heading in headings:
        if heading.group not in known and not heading.group.startswith(ignored):
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
        what = f"[{first.group}] {first.name} is set again in line {second.line}, which is in effect"
        findings.warn("VS124", str(first.origin), what, "remove one of the two lines")


def _known(conf: Configuration) -> tuple[Names, Mapping[str, str]]:
    """Return group -> names that a file may use, and the old names with the current ones."""
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
    published = entry_points("oslo.config.opts")
    for entry in published:
        if entry.name in LIBRARIES:
            for group, options in entry.load()():
                yield from _spelt(str(getattr(group, "name", group) or "DEFAULT"), options)


def _spelt(group: str, options: list[cfg.Opt]) -> Iterator[tuple[str, str]]:
    for option in options:
        yield from spellings(group_name(group), option)


def _section(catalog: Catalog, known: Names, group: str, where: str, findings: Findings) -> None:
    if group.startswith(PROFILE_PREFIX):
        name = group.removeprefix(PROFILE_PREFIX)
        what = f"[{group}] is not used: neither [scheduler] profiles nor a profile names {name!r}"
        findings.warn("VS116", where, what, "name it there, or remove the section")
        return
    for kind in KINDS:
        if not group.startswith(kind.prefix):
            continue
        name = group.removeprefix(kind.prefix)
        if kind.instances or name in catalog.names(kind):
            what = f"[{group}] is not used: [{kind.section}] {kind.option} does not name {name!r}"
            findings.warn("VS116", where, what, "name it there, or remove the section")
            return
    sections = {*known, *(kind.prefix + name for kind in KINDS for name in catalog.names(kind))}
    hint = did_you_mean(group, sections)
    fix = f"{hint}known sections: {listed(sorted(known))}" if not hint else hint.strip()
    findings.add("VS123", where, f"expected a known section, got [{group}]", fix)


def _option(known: Names, item: Assignment, findings: Findings) -> None:
    if item.group == "DEFAULT" and _belongs_to_unselected(item.name):
        what = f"{item.name} is an option of a plugin that is not selected"
        findings.warn("VS116", str(item.origin), what, "select the plugin, or remove the option")
        return
    what = f"[{item.group}] has no option {item.name!r}"
    findings.add("VS109", str(item.origin), what, _right_place(known, item.group, item.name))


def _right_place(known: Names, group: str, name: str) -> str:
    hint = did_you_mean(name, known[group])
    homes = sorted(other for other, names in known.items() if other != group and name in names)
    if homes and not hint:
        return f"move it to [{homes[0]}]"
    if group == "DEFAULT":
        return hint.strip() or "move it to its section; volsched config sample lists all sections and options"
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
            findings.add("VS109", where, "an old name of an option has an effect in files only", fix)
        elif group in conf and name not in {option.dest for at, option in conf.options() if at == group}:
            findings.add("VS109", where, f"[{group}] has no option {name!r}", _right_place(known, group, name))
        elif group not in conf and group.startswith((PROFILE_PREFIX, *(kind.prefix for kind in kinds))):
            _section(catalog, known, group, where, findings)


def _old_names(conf: Configuration, known: Names, findings: Findings) -> None:
    for group, option in conf.options():
        names = spellings(group, option)
        for item in conf.settings.assignments:
            if (item.group, item.name) in names[1:]:
                what = f"[{item.group}] {item.name} is an old name of [{group}] {option.dest}"
                if conf.settings.last(names) != item:
                    what += ", which is set too and in effect"
                findings.warn("VS122", str(item.origin), what, f"write it as [{group}] {option.dest}")
