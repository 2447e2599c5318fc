"""What the configuration selects, and which published plugin each name means."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from oslo_config import cfg

from volsched.conf import profiles
from volsched.conf.configuration import PROJECT, Configuration, environment_name
from volsched.conf.opts import INSTANCE_OPTIONS
from volsched.conf.origin import Source
from volsched.loader.catalog import Catalog, Entry, normal_package
from volsched.loader.kinds import FILTER, KINDS, WEIGHER, WEIGHT_HANDLER, Kind
from volsched.loader.option_values import read
from volsched.loader.problems import Findings, did_you_mean, listed

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One selected plugin. `name` is the operator's: an instance's, or the plugin's own."""

    entry: Entry
    name: str
    where: str  # the option that selected it, and where that is set
    profile: str = ""  # the profile in which it has options of its own

    @property
    def kind(self) -> Kind:
        return self.entry.kind

    @property
    def shared_section(self) -> str:
        """The option group that it has wherever it is selected."""
        return self.kind.prefix + self.name

    @property
    def section(self) -> str:
        """Its option group."""
        return f"{profiles.PREFIX}{self.profile}_{self.shared_section}" if self.profile else self.shared_section


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The plugins that place the volumes of some types."""

    name: str
    types: tuple[str, ...]
    filters: tuple[Choice, ...]
    weighers: tuple[Choice, ...]
    handlers: tuple[Choice, ...]  # one, unless something is wrong with it

    @property
    def section(self) -> str:
        return profiles.PREFIX + self.name

    @property
    def choices(self) -> tuple[Choice, ...]:
        return (*self.filters, *self.weighers, *self.handlers)


def select(conf: Configuration, catalog: Catalog, kinds: Collection[Kind], findings: Findings) -> list[Choice]:
    """Everything that the configuration names, of these kinds, in its order."""
    choices: list[Choice] = []
    for kind in KINDS:
        if kind in kinds:
            choices += _listed(conf, catalog, kind, kind.section, findings)
    return choices


def select_profiles(conf: Configuration, catalog: Catalog, findings: Findings) -> list[Profile]:
    """The profiles that the configuration names, in its order, each with all of its plugins."""
    option = conf.option("scheduler", "profiles")
    where = conf.label("scheduler", "profiles")
    made: list[Profile] = []
    for name in read(conf, "scheduler", option, findings) or ():
        if not NAME.fullmatch(name):
            fix = "names of profiles are small letters, digits and underscores, a letter first"
            findings.add("VS101", where, f"{name!r} cannot be the name of a profile", fix)
        elif any(other.name == name for other in made):
            findings.add("VS114", where, f"{name!r} is named twice", "name each of the profiles once")
        else:
            made.append(_profile(conf, catalog, name, where, made, findings))
    return made


def _profile(
    conf: Configuration, catalog: Catalog, name: str, where: str, others: Sequence[Profile], findings: Findings
) -> Profile:
    section = profiles.PREFIX + name
    conf.register_group(cfg.OptGroup(section))
    options = {option.dest: option for option in profiles.options()}
    conf.register_opts(options.values(), group=section)
    types = tuple(read(conf, section, options["types"], findings) or ())
    if not _mentioned(conf, section):
        fix = f"add [{section}] with types = the volume types that it is for"
        findings.add("VS115", where, f"{name!r} is listed, but there is no section [{section}]", fix)
    elif not types:
        what = f"nothing says which volume types the profile {name!r} is for"
        findings.add("VS107", f"[{section}] types", what, f"add to [{section}]: types = ...")
    for other in others:
        for both in sorted({*types} & {*other.types}):
            what = f"the volume type {both!r} has the profile {other.name!r} already"
            findings.add("VS127", conf.label(section, "types"), what, "name it in one profile")
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
    """A profile's plugins of a kind: its own, or else those of everybody."""
    section = profiles.PREFIX + name
    inherited = read(conf, section, options[kind.option], Findings()) is None
    chosen = _listed(conf, catalog, kind, kind.section if inherited else section, findings)
    own = [replace(choice, profile=name) for choice in chosen]
    return [mine if _mentioned(conf, mine.section) else shared for mine, shared in zip(own, chosen, strict=True)]


def select_named(
    conf: Configuration, catalog: Catalog, kind: Kind, name: str, where: str, findings: Findings
) -> Choice | None:
    """The plugin, or the instance where the kind has those, that an option of another plugin names."""
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
    """The plugins that the configuration names, whatever else is wrong with it."""
    findings = Findings()
    chosen = [choice.entry for choice in select(conf, catalog, KINDS, findings)]
    for profile in select_profiles(conf, catalog, findings):
        chosen += [choice.entry for choice in profile.choices]
    return chosen


def _listed(conf: Configuration, catalog: Catalog, kind: Kind, section: str, findings: Findings) -> list[Choice]:
    """The plugins of a kind that an option of `section` lists."""
    value = read(conf, section, conf.option(section, kind.option), findings)
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
    """Whether it can be selected beside the others."""
    if not NAME.fullmatch(choice.name):
        what = f"{choice.entry} is published under a name that cannot be that of a section"
        findings.add("VS112", where, what, f"tell the vendor of {choice.entry.package}")
        return False
    twin = next((other for other in others if other.name == choice.name), None)
    if twin is None:
        return True
    what, fix = f"{choice.name!r} is named twice", f"name each of the {choice.kind.plural} once"
    if twin.entry != choice.entry:
        what = f"{twin.entry.full_name} and {choice.entry.full_name} would share the section [{choice.section}]"
        fix = "select one of them"
    findings.add("VS114", where, what, fix)
    return False


def _of_instance(
    conf: Configuration, catalog: Catalog, kind: Kind, instance: str, where: str, findings: Findings
) -> tuple[Entry | None, str]:
    """The plugin that drives an instance, and the option that says so."""
    if not NAME.fullmatch(instance):
        fix = "names of instances are small letters, digits and underscores, a letter first"
        findings.add("VS101", where, f"{instance!r} cannot be the name of one of the {kind.plural}", fix)
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
    driver = {option.dest: read(conf, section, option, findings) for option in options}["driver"]
    source = conf.label(section, "driver")
    if conf.origin(section, "driver").source is Source.DEFAULT and not catalog.called(kind, instance):
        fix = f"add to [{section}]: driver = one of: {listed(catalog.names(kind))}"
        findings.add("VS107", f"[{section}] driver", f"nothing says what drives {instance!r}", fix)
        return None, where
    return resolve(catalog, kind, str(driver or ""), source, findings), source


def _mentioned(conf: Configuration, section: str) -> bool:
    """Whether a file or the environment has anything for a section."""
    prefix = environment_name(section, "")
    in_files = any(heading.group == section for heading in conf.settings.sections)
    return in_files or any(name.startswith(prefix) for name in conf.environment)


def resolve(catalog: Catalog, kind: Kind, written: str, where: str, findings: Findings) -> Entry | None:
    """The plugin that `written` means; None where it means none or several, which is then found wrong."""
    entries = catalog.called(kind, written)
    if len(entries) == 1:
        return entries[0]
    if entries:
        what = f"{written!r} is published by {' and by '.join(entry.provider for entry in entries)}"
        findings.add("VS104", where, what, f"say which: {' or '.join(entry.full_name for entry in entries)}")
        return None
    for other in KINDS:
        if other is not kind and catalog.called(other, written):
            what = f"{written!r} is one of the {other.plural}, not one of the {kind.plural}"
            fix = f"the {kind.plural} are: {listed(catalog.names(kind))}; the {other.plural} are selected by "
            findings.add("VS102", where, what, f"{fix}[{other.section}] {other.option}")
            return None
    names = catalog.names(kind)
    known = {*names, *(entry.class_name for entry in catalog.of(kind))}
    what = f"{written!r} is none of the {kind.plural}" if written else "an empty name"
    findings.add("VS101", where, what, f"{did_you_mean(written, known)}installed {kind.plural}: {listed(names)}")
    return None


def _allowed(conf: Configuration, choices: Sequence[Choice], findings: Findings) -> list[Choice]:
    packages = read(conf, "plugins", conf.option("plugins", "allowed_packages"), Findings())  # found wrong elsewhere
    if not packages:
        return list(choices)
    allowed = {normal_package(name) for name in packages} | {PROJECT}
    kept: list[Choice] = []
    for choice in choices:
        if normal_package(choice.entry.package) in allowed:
            kept.append(choice)
            continue
        label = conf.label("plugins", "allowed_packages")
        what = f"{choice.entry.name!r} comes with {choice.entry.provider}, which {label} does not list"
        findings.add("VS110", choice.where, what, f"add {choice.entry.package} there, if you trust it")
    return kept
