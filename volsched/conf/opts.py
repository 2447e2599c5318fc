"""Every option by group, for oslo-config-generator, the reference documentation and the sample file."""

from __future__ import annotations

import copy
import importlib.metadata
import io
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from oslo_config import cfg

from volsched.conf import scheduling
from volsched.conf.configuration import GROUPS, PROJECT
from volsched.distributions import entry_points

LOG = logging.getLogger(__name__)

#: Entry-point group -> prefix of the option groups of its plugins: `[filter_capacity]`.
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

#: Entry-point group -> the options that volsched adds to the sections of plugins with instances.
INSTANCE_OPTIONS: Mapping[str, Callable[[str], list[cfg.Opt]]] = MappingProxyType(
    {
        "volsched.notifiers": scheduling.notifier_options,
        "volsched.backends": scheduling.backend_options,
    }
)

#: Options that are set once for all plugins which declare them; a plugin's own section may override them.
HOST_WIDE: Mapping[str, str] = MappingProxyType({"expression_dialect": "${scheduler.expression_dialect}"})

HEADER = """\
# Every option of volsched and of its own plugins, with its default. Written by `volsched config sample`.
#
# Environment variables override files: OS_<GROUP>__<OPTION>, for example OS_SCHEDULER__WEIGHERS=capacity.
# Logging is set in [DEFAULT] with oslo.log's options (debug, log_file, ...).
"""

Listing = list[tuple[cfg.OptGroup, list[cfg.Opt]]]


def core_opts() -> Listing:
    """Return the options that volsched itself reads."""
    return [(core.group(), core.options()) for core in GROUPS]


def list_opts() -> Listing:
    """Return core options, and those of every published plugin under its own group."""
    return core_opts() + _plugin_opts(_published())


def shipped_opts() -> Listing:
    """Return core options, and those of volsched's own plugins, whatever else is installed."""
    return core_opts() + _plugin_opts(entry for entry in _published() if _package(entry) == PROJECT)


def set_defaults() -> None:
    """Set defaults for options of libraries: no debug output of taskflow and alembic."""
    from oslo_log import log

    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), "taskflow=WARN", "alembic=WARN"])


def host_wide(options: Iterable[cfg.Opt]) -> list[cfg.Opt]:
    """Return the options of a plugin, with the defaults of HOST_WIDE."""
    result = []
    for option in options:
        if option.dest in HOST_WIDE:
            option = copy.copy(option)
            option.default = HOST_WIDE[option.dest]
        result.append(option)
    return result


def _package(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _published() -> Sequence[importlib.metadata.EntryPoint]:
    entries = [entry for group in OPTION_GROUPS for entry in entry_points(group)]
    return sorted(entries, key=lambda entry: (entry.group, entry.name, _package(entry)))


def _plugin_opts(entries: Iterable[importlib.metadata.EntryPoint]) -> Listing:
    listing: Listing = []
    for entry in entries:
        try:
            own = host_wide(entry.load().config_opts())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's module may raise anything; it is named here
            LOG.warning("options of %s (%s) are omitted: %s: %s", entry.name, entry.value, type(error).__name__, error)
            continue
        section = f"{OPTION_GROUPS[entry.group]}{entry.name}"
        if entry.group in INSTANCE_OPTIONS:
            own = INSTANCE_OPTIONS[entry.group](entry.name) + own
            text = f"An instance named {entry.name}. Instances with other names need `driver = {entry.name}`."
        else:
            text = f"Options of {entry.name}, one of the {entry.group.removeprefix('volsched.').replace('_', ' ')}."
        if own:
            listing.append((cfg.OptGroup(section, title=section, help=text), own))
    return listing


def sample(listing: Listing | None = None) -> str:
    """Return the text of a sample file: of `listing`, or of volsched and its own plugins."""
    from oslo_config import generator  # here, because only the sample needs it and the import is slow

    settings = cfg.ConfigOpts()
    generator.register_cli_opts(settings)
    settings(args=["--namespace", "volsched", "--wrap-width", "78"], default_config_files=[], use_env=False)
    text = io.StringIO()
    # generate() can only list the options of a namespace, which includes every installed package.
    formatter = generator._OptFormatter(settings, output_file=text)
    formatter.write(HEADER)
    for group, options in sorted(listing or shipped_opts(), key=lambda item: str(item[0].name)):
        formatter.write("\n\n")
        formatter.format_group(group)
        for option in options:
            formatter.write("\n")
            formatter.format(option, group.name)
    return text.getvalue()
