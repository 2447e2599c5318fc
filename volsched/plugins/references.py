"""Options that name other plugins. The constructor gets the plugins themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

from oslo_config import cfg

from volsched.model.event import EVERYTHING, Interest


class Named(NamedTuple):
    """A plugin with the name under which it is selected."""

    name: str
    plugin: Any
    interest: Interest = EVERYTHING  # of a notifier: the events that it receives


class PluginOpt(cfg.StrOpt):  # type: ignore[misc]  # oslo.config's types are not followed
    """The name of a plugin; the constructor gets `Named`, constructed with the same resources and its own options.

    volsched resolves, checks and constructs that plugin as if it were selected by itself. The declaring plugin starts
    and stops it. `kind` is the entry-point group, for example volsched.schedulers.
    """

    def __init__(self, name: str, *, kind: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.kind = kind


class PluginsOpt(cfg.ListOpt):  # type: ignore[misc]
    """The names of several plugins, or of instances where the kind has them; the constructor gets a tuple.

    Otherwise like PluginOpt.
    """

    def __init__(self, name: str, *, kind: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.kind = kind


REFERENCES = (PluginOpt, PluginsOpt)
