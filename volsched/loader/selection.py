"""The plugins and profiles that the configuration selects, and the resolution of their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from oslo_config import cfg

from volsched.conf.configuration import PROJECT, Configuration, environment_name
from volsched.conf.opts import INSTANCE_OPTIONS
from volsched.conf.origin import Source
from volsched.conf.scheduling import PROFILE_PREFIX, profile_options
from volsched.distributions import normal_name
from volsched.loader.catalog import Catalog, Entry
from volsched.loader.kinds import FILTER, KINDS, WEIGHER, WEIGHT_HANDLER, Kind
from volsched.loader.problems import Findings, did_you_mean, listed

NAME = re.compile(r"[a-z][a-z0-9_]*")
NAME_FIX = "use lower-case letters, digits and underscores, beginning with a letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One selected plugin. `name` is the name of the instance, or else of the plugin."""

    entry: Entry
    name: str
    where: str  # the option that selects it, with its origin
    profile: str = ""  # the profile that has a section of its own for it

    @property
    def kind(self) -> Kind:
        return self.entry.kind

    @property
    def shared_section(self) -> str:
        """Its option group without a profile."""
        return self.kind.prefix + self.name

    @property
    def section(self) -> str:
        """Its option group."""
        return f"{PROFILE_PREFIX}{self.profile}_{self.shared_section}" if self.profile else self.shared_section


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The plugins that place the volumes of the profile's types."""

    name: str
    types: tuple[str, ...]
    filters: tuple[Choice, ...]
    weighers: tuple[Choice, ...]
    handlers: tuple[Choice, ...]  # one, or none where it could not be resolved

    @property
    def section(self) -> str:
        return PROFILE_PREFIX + self.name

    @property
    def choices(self) -> tuple[Choice, ...]:
        return (*self.filters, *self.weighers, *self.handlers)


def select(conf: Configuration, catalog: Catalog, kinds: Collection[Kind], findings: Findings) -> list[Choice]:
    """Return the selected plugins of these kinds, in the order of the configuration."""
    choices: list[Choice] = []
    for kind in KINDS:
        if kind in kinds:
            choices += _listed(conf, catalog, kind, kind.section, findings)
    return choices


def select_profiles(conf: Configuration, catalog: Catalog, findings: Findings) -> list[Profile]:
    """Return the selected profiles, in the order of the configuration, each with its plugins."""
    option = conf.option("scheduler", "profiles")
    where = conf.label("scheduler", "profiles")
    found: list[Profile] = []
    for name in findings.read(conf, "scheduler", option) or ():
        if not NAME.fullmatch(name):
            findings.add("VS101", where, f"expected the name of a profile, got {name!r}", NAME_FIX)
        elif any(other.name == name for other in found):
            findings.add("VS114", where, f"{name!r} is listed twice", "list each profile once")
        else:
            found.append(_profile(conf, catalog, name, where, found, findings))
    return found


def _profile(
    conf: Configuration, catalog: Catalog, name: str, where: str, others: Sequence[Profile], findings: Findings
) -> Profile:
    section = PROFILE_PREFIX + name
    conf.register_group(cfg.OptGroup(section))
    options = {option.dest: option for option in profile_options()}
    conf.register_opts(options.values(), group=section)
    types = tuple(findings.read(conf, section, options["types"]) or ())
    if not _mentioned(conf, section):
        fix = f"add [{section}] with types = the volume types that the profile places"
        findings.add("VS115", where, f"{name!r} is listed, but there is no section [{section}]", fix)
    elif not types:
        what = f"expected the volume types of the profile {name!r}, got none"
        findings.add("VS107", f"[{section}] types", what, f"add to [{section}]: types = ...")
    for other in others:
        for both in sorted({*types} & {*other.types}):
            what = f"the volume type {both!r} is in the profile {other.name!r} too"
            findings.add("VS127", conf.label(section, "types"), what, "list it in one profile only")
    return Profile(
        name=name,
        types=types,
        filters=tuple(_of_profile(conf, catalog, FILTER, name, options, findings)),
        weighers=tuple(_of_profile(conf, catalog, WEIGHER, name, options, findings)),
        handlers=tuple(_of_profile(conf, catalog, WEIGHT_HANDLER, name, options, findings)),
    )


def _of_profile(
    conf: Configuration,
    catalog: Catalog,
    kind: Kind,
    name: str,
    options: Mapping[str, cfg.Opt],
    findings: Findings,
) -> list[Choice]:
    """Return a profile's plugins of a kind: its own, or else those of [scheduler]."""
    section = PROFILE_PREFIX + name
    inherited = Findings().read(conf, section, options[kind.option]) is None
    chosen = _listed(conf, catalog, kind, kind.section if inherited else section, findings)
    own = [replace(choice, profile=name) for choice in chosen]
    return [local if _mentioned(conf, local.section) else shared for local, shared in zip(own, chosen, strict=True)]


def select_named(
    conf: Configuration, catalog: Catalog, kind: Kind, name: str, where: str, findings: Findings
) -> Choice | None:
    """Return the plugin, or the instance, that an option of another plugin names."""
    if kind.instances:
        entry, source = _of_instance(conf, catalog, kind, name, where, findings)
    else:
        entry, source = resolve(catalog, kind, name, where, findings), where
    if entry is None:
        return None
    choice = Choice(entry=entry, name=name if kind.instances else entry.name, where=source)
    kept = _allowed(conf, [choice], findings) if _fits(choice, (), where, findings) else []
    return kept[0] if kept else None


def selected_entries(conf: Configuration, catalog: Catalog) -> list[Entry]:
    """Return the plugins that the configuration selects, whatever other problems it has."""
    findings = Findings()
    chosen = [choice.entry for choice in select(conf, catalog, KINDS, findings)]
    for profile in select_profiles(conf, catalog, findings):
        chosen += [choice.entry for choice in profile.choices]
    return chosen


def _listed(conf: Configuration, catalog: Catalog, kind: Kind, section: str, findings: Findings) -> list[Choice]:
    """Return the plugins of a kind that an option of `section` lists."""
    value = findings.read(conf, section, conf.option(section, kind.option))
    if value is None:
        return []
    where = conf.label(section, kind.option)
    written = [value] if isinstance(value, str) else list(value)
    choices: list[Choice] = []
    for name in written:
        if kind.instances:
            entry, source = _of_instance(conf, catalog, kind, name, where, findings)
        else:
            entry, source = resolve(catalog, kind, name, where, findings), where
        if entry is None:
            continue
        choice = Choice(entry=entry, name=name if kind.instances else entry.name, where=source)
        if _fits(choice, choices, where, findings):
            choices.append(choice)
    return _allowed(conf, choices, findings)


def _fits(choice: Choice, others: Sequence[Choice], where: str, findings: Findings) -> bool:
    """Return whether it can be selected together with the others."""
    if not NAME.fullmatch(choice.name):
        what = f"{choice.entry} is published under a name that cannot be part of a section's name"
        findings.add("VS112", where, what, choice.entry.vendor_fix)
        return False
    twin = next((other for other in others if other.name == choice.name), None)
    if twin is None:
        return True
    what, fix = f"{choice.name!r} is listed twice", f"list each of the {choice.kind.plural} once"
    if twin.entry != choice.entry:
        what = f"{twin.entry.full_name} and {choice.entry.full_name} would share the section [{choice.section}]"
        fix = "select only one of them"
    findings.add("VS114", where, what, fix)
    return False


def _of_instance(
    conf: Configuration, catalog: Catalog, kind: Kind, instance: str, where: str, findings: Findings
) -> tuple[Entry | None, str]:
    """Return the plugin of an instance, and the option that names it."""
    if not NAME.fullmatch(instance):
        findings.add("VS101", where, f"expected the name of a {kind.name}, got {instance!r}", NAME_FIX)
        return None, where
    section = kind.prefix + instance
    conf.register_group(cfg.OptGroup(section))
    options = INSTANCE_OPTIONS[kind.entry_points](instance)
    conf.register_opts(options, group=section)
    if not _mentioned(conf, section) and not catalog.called(kind, instance):
        names = catalog.names(kind)
        fix = f"add [{section}] with driver = one of: {listed(names)}"
        findings.add("VS115", where, f"{instance!r} is listed, but there is no section [{section}]", fix)
        return None, where
    driver = {option.dest: findings.read(conf, section, option) for option in options}["driver"]
    source = conf.label(section, "driver")
    if conf.origin(section, "driver").source is Source.DEFAULT and not catalog.called(kind, instance):
        fix = f"add to [{section}]: driver = one of: {listed(catalog.names(kind))}"
        findings.add("VS107", f"[{section}] driver", f"expected the driver of {instance!r}, got none", fix)
        return None, where
    return resolve(catalog, kind, str(driver or ""), source, findings), source


def _mentioned(conf: Configuration, section: str) -> bool:
    """Return whether a file or the environment sets anything of a section."""
    prefix = environment_name(section, "")
    in_files = any(heading.group == section for heading in conf.settings.sections)
    return in_files or any(name.startswith(prefix) for name in conf.environment)


def resolve(catalog: Catalog, kind: Kind, written: str, where: str, findings: Findings) -> Entry | None:
    """Return the plugin that `written` names; None, with a problem added, where that is not exactly one."""
    entries = catalog.called(kind, written)
    if len(entries) == 1:
        return entries[0]
    if entries:
        what = f"{written!r} is published by {' and by '.join(entry.provider for entry in entries)}"
        findings.add("VS104", where, what, f"name the package: {' or '.join(entry.full_name for entry in entries)}")
        return None
    for other in KINDS:
        if other is not kind and catalog.called(other, written):
            what = f"{written!r} is one of the {other.plural}, not one of the {kind.plural}"
            fix = f"name one of the {kind.plural}: {listed(catalog.names(kind))}; [{other.section}] {other.option} "
            findings.add("VS102", where, what, f"{fix}selects {other.plural}")
            return None
    names = catalog.names(kind)
    known = {*names, *(entry.class_name for entry in catalog.of(kind))}
    what = f"expected the name of a {kind.name}, got {written!r}"
    findings.add("VS101", where, what, f"{did_you_mean(written, known)}installed {kind.plural}: {listed(names)}")
    return None


def _allowed(conf: Configuration, choices: Sequence[Choice], findings: Findings) -> list[Choice]:
    packages = Findings().read(conf, "plugins", conf.option("plugins", "allowed_packages"))  # reported elsewhere
    if not packages:
        return list(choices)
    allowed = {normal_name(name) for name in packages} | {PROJECT}
    kept: list[Choice] = []
    for choice in choices:
        if normal_name(choice.entry.package) in allowed:
            kept.append(choice)
            continue
        label = conf.label("plugins", "allowed_packages")
        what = f"{choice.entry.name!r} is of {choice.entry.provider}, which {label} does not list"
        findings.add("VS110", choice.where, what, f"add {choice.entry.package} to that list, if you trust the package")
    return kept
