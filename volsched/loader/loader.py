"""Loading of the selected plugins, with all problems reported before anything starts."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from types import MappingProxyType

from volsched import policy
from volsched.conf.configuration import Configuration
from volsched.exceptions import ConfigurationError
from volsched.loader.catalog import Catalog
from volsched.loader.class_checks import load_class
from volsched.loader.construction import Built, Prepared, build, prepare
from volsched.loader.kinds import BACKEND, FILTER, KINDS, NOTIFIER, SCHEDULER, WEIGHER, Kind
from volsched.loader.loaded import Plugins
from volsched.loader.problems import Findings, LoadProblems, Problem
from volsched.loader.selection import Choice, select, select_named, select_profiles
from volsched.loader.unread_options import find_unread

LOG = logging.getLogger(__name__)


def load(conf: Configuration, catalog: Catalog, kinds: Collection[Kind] = KINDS) -> Plugins:
    """Import, check and construct every selected plugin of these kinds; nothing is started.

    Raise LoadProblems with all problems. Warnings are logged, and are in `warnings`.
    """
    plugins, problems = examine(conf, catalog, kinds)
    if plugins is None:
        raise LoadProblems(problem for problem in problems if problem.fatal)
    log_warnings(plugins.warnings)
    return plugins


def log_warnings(warnings: Iterable[Problem]) -> None:
    """Log the warnings about a configuration."""
    for problem in warnings:
        # An old name works like the current one; `volsched config check` lists old names.
        LOG.log(logging.INFO if problem.code == "VS122" else logging.WARNING, "%s", problem)


def examine(
    conf: Configuration, catalog: Catalog, kinds: Collection[Kind] = KINDS
) -> tuple[Plugins | None, tuple[Problem, ...]]:
    """Return the plugins, None where there are problems, and all problems and warnings."""
    findings = Findings()
    for group, option in list(conf.options()):
        if (group, option.dest) not in {(kind.section, kind.option) for kind in KINDS} and group != "DEFAULT":
            findings.read(conf, group, option)
    _policy(conf, findings)
    choices = select(conf, catalog, kinds, findings)
    profiles = select_profiles(conf, catalog, findings) if FILTER in kinds and WEIGHER in kinds else []
    everything = [*choices, *(choice for profile in profiles for choice in profile.choices)]
    prepared = [prepare_whole(conf, catalog, choice, findings) for choice in _each_once(everything, findings)]
    ready = [item for item in prepared if item is not None]
    driver = next((item for item in ready if item.choice.kind is SCHEDULER), None)
    made = [Built(prepared=item, plugin=build(item, findings)) for item in ready if item is not driver]
    _filters(conf, driver, [FILTER.section, *(profile.section for profile in profiles)], findings)
    _weighers(made, findings)
    find_unread(conf, catalog, kinds, findings)
    if findings.fatal:
        return None, (*findings.fatal, *findings.warnings)
    zones = {
        each.choice.name: conf[each.choice.section].availability_zone for each in made if each.choice.kind is BACKEND
    }
    interests = {each.choice.name: each.prepared.interest for each in made if each.choice.kind is NOTIFIER}
    shared = {choice.section for choice in choices}
    plugins = Plugins(
        built=tuple(each for each in made if each.choice.section in shared),
        of_profiles=tuple(each for each in made if each.choice.section not in shared),
        profiles=tuple(profiles),
        driver=driver,
        zones=MappingProxyType(zones),
        interests=MappingProxyType(interests),
        warnings=findings.warnings,
    )
    return plugins, findings.warnings


def _policy(conf: Configuration, findings: Findings) -> None:
    """Check the policy file, if there is one."""
    try:
        policy.of(conf.policy_file())
    except ConfigurationError as problem:
        fix = "correct the file; `volsched policy list` shows the rules in effect"
        findings.add("VS131", problem.option, problem.problem, fix)


def _each_once(choices: Iterable[Choice], findings: Findings) -> Iterable[Choice]:
    """Return each plugin once, however many profiles select it."""
    kept: dict[str, Choice] = {}
    for choice in choices:
        known = kept.setdefault(choice.section, choice)
        if known.entry != choice.entry:
            what = f"{known.entry.full_name} and {choice.entry.full_name} would share the section [{choice.section}]"
            findings.add("VS114", choice.where, what, "select only one of them")
    return kept.values()


def prepare_whole(
    conf: Configuration, catalog: Catalog, choice: Choice, findings: Findings, outer: tuple[Choice, ...] = ()
) -> Prepared | None:
    """Return a plugin's class and values, with those of the plugins its options name; None where one fails."""
    plugin_class = load_class(choice.entry, findings)
    prepared = None if plugin_class is None else prepare(conf, choice, plugin_class, findings)
    if prepared is None or not prepared.references:
        return prepared
    inner: dict[str, tuple[Prepared, ...]] = {}
    for name in prepared.references:
        named = _inner(conf, catalog, prepared, name, findings, (*outer, choice))
        if named is None:
            return None
        inner[name] = named
    return replace(prepared, inner=MappingProxyType(inner))


def _inner(
    conf: Configuration,
    catalog: Catalog,
    prepared: Prepared,
    name: str,
    findings: Findings,
    outer: tuple[Choice, ...],
) -> tuple[Prepared, ...] | None:
    """Return the plugins that an option names; None where one of them fails."""
    where = conf.label(prepared.choice.section, name)
    kind = next(kind for kind in KINDS if kind.entry_points == prepared.references[name].kind)
    value = prepared.values[name]
    before = len(findings.fatal)
    made: list[Prepared] = []
    for written in value if isinstance(value, list) else [str(value or "")]:
        named = select_named(conf, catalog, kind, written, where, findings)
        if named is None:
            continue
        if any(named.section == other.section for other in outer):
            what = f"{named.name!r} would contain itself"
            findings.add("VS108", where, what, f"name another of the {kind.plural}")
        elif any(named.section == other.choice.section for other in made):
            findings.add("VS114", where, f"{named.name!r} is listed twice", f"list each of the {kind.plural} once")
        else:
            inner = prepare_whole(conf, catalog, named, findings, outer)
            made.extend([] if inner is None else [inner])
    return tuple(made) if len(findings.fatal) == before else None


def _filters(conf: Configuration, driver: Prepared | None, sections: Iterable[str], findings: Findings) -> None:
    uses_filters = driver is not None and getattr(driver.plugin_class, "uses_filters", True)
    for section in sections:
        if uses_filters and Findings().read(conf, section, conf.option(section, FILTER.option)) == []:
            where = conf.label(section, FILTER.option)
            findings.add(
                "VS125", where, "expected at least one filter, got none", "list a filter: every pool would pass"
            )


def _weighers(made: Iterable[Built], findings: Findings) -> None:
    for each in made:
        choice = each.choice
        if choice.kind is not WEIGHER or each.plugin is None:
            continue
        multiplier = getattr(each.plugin, "multiplier", None)
        if not isinstance(multiplier, int | float) or not math.isfinite(multiplier):
            what = f"multiplier of {choice.entry}: expected a finite number, got {multiplier!r}"
            findings.add("VS112", f"[{choice.section}]", what, choice.entry.vendor_fix)
        elif multiplier == 0:
            what = f"multiplier of {choice.name}: 0, so that the weigher changes no order"
            findings.warn("VS117", f"[{choice.section}]", what, "set another multiplier, or do not select the weigher")
