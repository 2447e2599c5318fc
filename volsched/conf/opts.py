"""Every option by group, for oslo-config-generator, the sample and the reference in the documentation."""

from __future__ import annotations

import copy
import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from oslo_config import cfg

from volsched.conf import agent, notifications
from volsched.conf.configuration import GROUPS, PROJECT

LOG = logging.getLogger(__name__)

#: Entry-point group -> how the option groups of its plugins begin: `[filter_capacity]`.
OPTION_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "volsched.schedulers": "scheduler_",
        "volsched.filters": "filter_",
        "volsched.weighers": "weigher_",
        "volsched.weight_handlers": "weight_handler_",
        "volsched.notifiers": "notifier_",
        "volsched.backends": "backend_",
    }
)

#: What the host adds to the sections of plugins that may have several instances.
INSTANCE_OPTIONS: Mapping[str, Callable[[str], list[cfg.Opt]]] = MappingProxyType(
    {
        "volsched.notifiers": notifications.instance_options,
        "volsched.backends": agent.instance_options,
    }
)

#: Options that the operator sets once for all plugins which declare them; one plugin may still be set apart.
HOST_WIDE: Mapping[str, str] = MappingProxyType({"expression_dialect": "${scheduler.expression_dialect}"})

Listing = list[tuple[cfg.OptGroup, list[cfg.Opt]]]


def core_opts() -> Listing:
    """The options that volsched itself reads."""
    return [(cfg.OptGroup(module.GROUP, title=module.GROUP, help=module.HELP), module.options()) for module in GROUPS]


def list_opts() -> Listing:
    """Core options, and those of every published plugin under its own group."""
    return core_opts() + _plugin_opts(_published())


def shipped_opts() -> Listing:
    """Core options, and those of volsched's own plugins: the same whatever else is installed."""
    return core_opts() + _plugin_opts(entry for entry in _published() if _package(entry) == PROJECT)


def set_defaults() -> None:
    """Better defaults for options of libraries: their debug output is not mixed into volsched's."""
    from oslo_log import log

    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), "taskflow=WARN", "alembic=WARN"])


def host_wide(options: Iterable[cfg.Opt]) -> list[cfg.Opt]:
    """The options of a plugin, with what is set for all plugins as the default of those that are in HOST_WIDE."""
    made = []
    for option in options:
        if option.dest in HOST_WIDE:
            option = copy.copy(option)
            option.default = HOST_WIDE[option.dest]
        made.append(option)
    return made


def _package(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _published() -> Sequence[importlib.metadata.EntryPoint]:
    found = importlib.metadata.entry_points()
    entries = [entry for group in OPTION_GROUPS for entry in found.select(group=group)]
    return sorted(entries, key=lambda entry: (entry.group, entry.name, _package(entry)))


def _plugin_opts(entries: Iterable[importlib.metadata.EntryPoint]) -> Listing:
    listing: Listing = []
    for entry in entries:
        try:
            own = host_wide(entry.load().config_opts())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything; named here
            LOG.warning("options of %s (%s) are left out: %s: %s", entry.name, entry.value, type(error).__name__, error)
            continue
        section = f"{OPTION_GROUPS[entry.group]}{entry.name}"
        if entry.group in INSTANCE_OPTIONS:
            own = INSTANCE_OPTIONS[entry.group](entry.name) + own
            text = f"An instance called {entry.name}; any other name will do, with `driver = {entry.name}`."
        else:
            text = f"Options of {entry.name}, one of the {entry.group.removeprefix('volsched.').replace('_', ' ')}."
        if own:
            listing.append((cfg.OptGroup(section, title=section, help=text), own))
    return listing
