"""Installed plugins by name, constructed for tests without a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from volsched.exceptions import PluginNotFound
from volsched.placement.pipeline import Placing

FILTERS = "volsched.filters"
WEIGHERS = "volsched.weighers"
HANDLERS = "volsched.weight_handlers"
SCHEDULERS = "volsched.schedulers"

DEFAULT_FILTERS = ("availability_zone", "capacity", "capabilities")
DEFAULT_WEIGHERS = ("capacity",)


@lru_cache(maxsize=16)
def published(group: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a group, by name and by class name (as in Cinder's lists)."""
    found = {point.name: point for point in entry_points(group=group)}
    by_class = {point.value.rpartition(":")[2]: point for point in found.values()}
    return {**by_class, **found}


def plugin_class(group: str, name: str) -> Any:
    """Return the class of a plugin. Raise PluginNotFound."""
    known = published(group)
    if name not in known:
        raise PluginNotFound(group, name, sorted({point.name for point in known.values()}))
    return known[name].load()


def a_plugin(group: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """Return a plugin, constructed with those of `options` that it declares. Raise PluginNotFound."""
    made = plugin_class(group, name)
    own = {option.dest for option in made.config_opts()}
    return made(**{key: value for key, value in (options or {}).items() if key in own})


def a_chooser(
    filters: Sequence[str] = DEFAULT_FILTERS,
    weighers: Sequence[str] = DEFAULT_WEIGHERS,
    handler: str = "ordered",
    options: Mapping[str, Any] | None = None,
) -> Placing:
    """Return the installed filters, weighers and handler of these names as a chooser. Raise PluginNotFound."""
    return Placing(
        [(name, a_plugin(FILTERS, name, options)) for name in filters],
        [(name, a_plugin(WEIGHERS, name, options)) for name in weighers],
        a_plugin(HANDLERS, handler, options),
    )
