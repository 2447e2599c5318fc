"""Options that name other plugins: who declares one is given the plugin itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from oslo_config import cfg

from volsched.model.event import EVERYTHING, Interest


class Named(NamedTuple):
    """A plugin with the name under which the operator selected it."""

    name: str
    plugin: Any
    interest: Interest = EVERYTHING  # of a notifier: the events that it is told


class PluginOpt(cfg.StrOpt):  # type: ignore[misc]  # oslo.config's types are not followed
    """The name of a plugin of a kind; the constructor gets `Named`, made with the same resources and its own options.

    The host finds it, checks it and constructs it as if it were selected alone. Who declares the option starts and
    stops it. `kind` is the entry-point group, for example volsched.schedulers.
    """

    def __init__(self, name: str, *, kind: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.kind = kind


class PluginsOpt(cfg.ListOpt):  # type: ignore[misc]
    """The names of several plugins of a kind, of instances where the kind has those; the constructor gets a tuple.

    For the rest as PluginOpt.
    """

    def __init__(self, name: str, *, kind: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.kind = kind


REFERENCES = (PluginOpt, PluginsOpt)
