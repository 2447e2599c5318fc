"""From a class to a plugin: its options, its constructor, its own checks."""

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
from volsched.loader.option_values import read
from volsched.loader.problems import Findings, listed
from volsched.loader.selection import Choice
from volsched.model.event import EVERYTHING, Interest, Priority
from volsched.plugins.options import Plugin
from volsched.plugins.references import REFERENCES, Named, PluginOpt, PluginsOpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A class with the values for its constructor."""

    choice: Choice
    plugin_class: type[Plugin]
    values: Mapping[str, Any]
    secrets: tuple[str, ...] = ()
    references: Mapping[str, PluginOpt | PluginsOpt] = field(default_factory=lambda: MappingProxyType({}))
    inner: Mapping[str, tuple[Prepared, ...]] = field(default_factory=lambda: MappingProxyType({}))  # what these name
    interest: Interest = EVERYTHING  # of a notifier

    def masked(self, text: str) -> str:
        """What a plugin says, without the secrets that it was told."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        for named in self.inner.values():
            for inner in named:
                text = inner.masked(text)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A plugin, and what it was made of."""

    prepared: Prepared
    plugin: Any

    @property
    def choice(self) -> Choice:
        return self.prepared.choice


def prepare(conf: Configuration, choice: Choice, plugin_class: type[Plugin], findings: Findings) -> Prepared | None:
    """Register a plugin's options and read every one; None where that fails, which is then found wrong."""
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
            what = f"declares the option {option.dest!r} of [{section}], which volsched or another plugin declares"
            findings.add("VS112", str(choice.entry), what, f"tell the vendor of {choice.entry.package}")
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
    """What the section of a notifier says of the events that it is told; bad values are found wrong elsewhere."""
    section = choice.section
    try:
        options = [conf.option(section, name) for name in ("event_types", "priorities", "processes")]
    except cfg.NoSuchOptError:  # of another kind, or not selected
        return EVERYTHING
    event_types, priorities, processes = (read(conf, section, option, Findings()) or () for option in options)
    return Interest(
        event_types=tuple(event_types),
        priorities=frozenset(map(Priority, priorities)),
        processes=frozenset(processes),
    )


def _with_shared_values(
    conf: Configuration, choice: Choice, options: Sequence[cfg.Opt], findings: Findings
) -> Sequence[cfg.Opt]:
    """The options of a plugin in a profile: what is not set there is as it is everywhere."""
    conf.register_group(cfg.OptGroup(choice.shared_section))
    own = []
    for option in options:
        try:
            conf.register_opt(option, group=choice.shared_section)
        except cfg.DuplicateOptError:
            pass  # it is there, in a form that cannot be compared, or its own section says what is wrong
        mine = copy.copy(option)
        mine.default = read(conf, choice.shared_section, option, findings)
        if isinstance(mine.default, str):
            mine.default = mine.default.replace("$", "$$")
        own.append(mine)
    return own


def _declared(choice: Choice, plugin_class: type[Plugin], findings: Findings) -> Sequence[cfg.Opt] | None:
    try:
        options = list(plugin_class.config_opts())
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything; it is named to the operator
        what = f"its config_opts() fails: {type(error).__name__}: {error}"
    else:
        strange = [option for option in options if not isinstance(option, cfg.Opt)]
        if not strange:
            return host_wide(options)
        what = f"its config_opts() has {listed([repr(option) for option in strange])}, no option of oslo.config"
    findings.add("VS112", str(choice.entry), what, f"tell the vendor of {choice.entry.package}")
    return None


def _value(conf: Configuration, choice: Choice, option: cfg.Opt, findings: Findings) -> Any:
    section = choice.section
    value = read(conf, section, option, findings)
    if value is None and option.required and conf.origin(section, option.dest).source is Source.DEFAULT:
        what = f"{choice.entry} needs the option {option.dest}: {option.help or 'it has no help text'}"
        findings.add("VS107", f"[{section}] {option.dest}", what, f"add to [{section}]: {option.dest} = ...")
    return value


def build(prepared: Prepared, findings: Findings, *positional: Any) -> Any:
    """The plugin itself, checked by its own `validate`; None where that fails, which is then found wrong."""
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
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything; it is named
        what = f"{choice.entry} cannot be constructed: {type(error).__name__}: {prepared.masked(str(error))}"
        findings.add("VS120", where, what, f"look at its options: volsched plugin show {choice.entry.name}")
        return None
    if not isinstance(complaints, list | tuple):
        what = f"its validate() answers with {complaints!r} where a list of problems is asked for"
        findings.add("VS112", str(choice.entry), what, f"tell the vendor of {choice.entry.package}")
        return None
    for complaint in complaints:
        fix = f"look at its options: volsched plugin show {choice.entry.name}"
        findings.add("VS119", where, f"{choice.entry} says: {prepared.masked(str(complaint))}", fix)
    return plugin if len(findings.fatal) == before else None
