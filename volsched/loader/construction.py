"""Construction of plugins: registration of their options, their constructor, their own validation."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from oslo_config import cfg

from volsched.conf.configuration import Configuration
from volsched.conf.opts import host_wide
from volsched.conf.origin import Source
from volsched.loader.problems import Findings, listed
from volsched.loader.selection import Choice
from volsched.model.event import EVERYTHING, Interest, Priority
from volsched.plugins.options import Plugin
from volsched.plugins.references import REFERENCES, Named, PluginOpt, PluginsOpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plugin class with the values for its constructor."""

    choice: Choice
    plugin_class: type[Plugin]
    values: Mapping[str, Any]
    secrets: tuple[str, ...] = ()
    #: The options that name other plugins, and those plugins.
    references: Mapping[str, PluginOpt | PluginsOpt] = field(default_factory=lambda: MappingProxyType({}))
    inner: Mapping[str, tuple[Prepared, ...]] = field(default_factory=lambda: MappingProxyType({}))
    interest: Interest = EVERYTHING  # of a notifier: the events it receives

    def masked(self, text: str) -> str:
        """Return text of a plugin with the values of its secret options replaced."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        for named in self.inner.values():
            for inner in named:
                text = inner.masked(text)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A constructed plugin."""

    prepared: Prepared
    plugin: Any

    @property
    def choice(self) -> Choice:
        return self.prepared.choice


def prepare(conf: Configuration, choice: Choice, plugin_class: type[Plugin], findings: Findings) -> Prepared | None:
    """Register a plugin's options and read each; None, with problems added, where one fails."""
    options = _declared(choice, plugin_class, findings)
    if options is None:
        return None
    section = choice.section
    before = len(findings.fatal)
    if choice.profile:
        options = _with_shared_values(conf, choice, options, findings)
    conf.register_group(cfg.OptGroup(section))
    values: dict[str, Any] = {}
    for option in options:
        try:
            conf.register_opt(option, group=section)
        except cfg.DuplicateOptError:
            what = f"declares the option {option.dest!r} of [{section}], which volsched or another plugin declares too"
            findings.add("VS112", str(choice.entry), what, choice.entry.vendor_fix)
            continue
        values[option.dest] = _value(conf, choice, option, findings)
    if len(findings.fatal) > before:
        return None
    secrets = tuple(str(values[option.dest]) for option in options if option.secret and values.get(option.dest))
    return Prepared(
        choice=choice,
        plugin_class=plugin_class,
        values=MappingProxyType(values),
        secrets=secrets,
        references=MappingProxyType({option.dest: option for option in options if isinstance(option, REFERENCES)}),
        interest=_interest(conf, choice),
    )


def _interest(conf: Configuration, choice: Choice) -> Interest:
    """Return the events that a notifier's section selects. Bad values are reported elsewhere."""
    section = choice.section
    try:
        options = [conf.option(section, name) for name in ("event_types", "priorities", "processes")]
    except cfg.NoSuchOptError:  # not a selected notifier
        return EVERYTHING
    event_types, priorities, processes = (Findings().read(conf, section, option) or () for option in options)
    return Interest(
        event_types=tuple(event_types),
        priorities=frozenset(map(Priority, priorities)),
        processes=frozenset(processes),
    )


def _with_shared_values(
    conf: Configuration, choice: Choice, options: Sequence[cfg.Opt], findings: Findings
) -> Sequence[cfg.Opt]:
    """Return the options of a plugin in a profile, with the values of its shared section as defaults."""
    conf.register_group(cfg.OptGroup(choice.shared_section))
    own = []
    for option in options:
        try:
            conf.register_opt(option, group=choice.shared_section)
        except cfg.DuplicateOptError:
            pass  # registered already, in a form that cannot be compared; a conflict is reported for the shared section
        mine = copy.copy(option)
        mine.default = findings.read(conf, choice.shared_section, option)
        if isinstance(mine.default, str):
            mine.default = mine.default.replace("$", "$$")
        own.append(mine)
    return own


def _declared(choice: Choice, plugin_class: type[Plugin], findings: Findings) -> Sequence[cfg.Opt] | None:
    try:
        options = list(plugin_class.config_opts())
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the operator sees it
        what = f"config_opts() failed: {type(error).__name__}: {error}"
    else:
        strange = [option for option in options if not isinstance(option, cfg.Opt)]
        if not strange:
            return host_wide(options)
        what = f"config_opts(): expected options of oslo.config, got {listed([repr(option) for option in strange])}"
    findings.add("VS112", str(choice.entry), what, choice.entry.vendor_fix)
    return None


def _value(conf: Configuration, choice: Choice, option: cfg.Opt, findings: Findings) -> Any:
    section = choice.section
    value = findings.read(conf, section, option)
    if value is None and option.required and conf.origin(section, option.dest).source is Source.DEFAULT:
        what = f"{choice.entry} needs the option {option.dest}: {option.help or '(no help text)'}"
        findings.add("VS107", f"[{section}] {option.dest}", what, f"add to [{section}]: {option.dest} = ...")
    return value


def build(prepared: Prepared, findings: Findings, *positional: Any) -> Any:
    """Return the plugin, checked by its `validate`; None, with problems added, where construction or a check fails."""
    choice = prepared.choice
    before = len(findings.fatal)
    where = f"[{choice.section}]"
    named: dict[str, Any] = {}
    for name, inner in prepared.inner.items():
        made = tuple(Named(each.choice.name, build(each, findings, *positional), each.interest) for each in inner)
        named[name] = made if isinstance(prepared.references[name], PluginsOpt) else made[0]
    if len(findings.fatal) > before:
        return None
    try:
        plugin = prepared.plugin_class(*positional, **{**prepared.values, **named})
        complaints = plugin.validate()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; the operator sees it
        what = f"{choice.entry} cannot be constructed: {type(error).__name__}: {prepared.masked(str(error))}"
        findings.add("VS120", where, what, f"correct its options; volsched plugin show {choice.entry.name} lists them")
        return None
    if not isinstance(complaints, list | tuple):
        what = f"validate(): expected a list of problems, got {complaints!r}"
        findings.add("VS112", str(choice.entry), what, choice.entry.vendor_fix)
        return None
    for complaint in complaints:
        fix = f"correct its options; volsched plugin show {choice.entry.name} lists them"
        findings.add("VS119", where, f"{choice.entry} reports: {prepared.masked(str(complaint))}", fix)
    return plugin if len(findings.fatal) == before else None
