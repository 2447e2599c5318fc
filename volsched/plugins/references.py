"""Options that name other plugins: who declares one is given the plugin itself."""

from __future__ import annotations

from typing import Any, NamedTuple

from oslo_config import cfg


class Named(NamedTuple):
    """A plugin with the name under which the operator selected it."""

    name: str
    plugin: Any


class PluginOpt(cfg.StrOpt):  # type: ignore[misc]  # oslo.config's types are not followed
    """The name of a plugin of a kind; the constructor gets `Named`, made with the same world and its own options.

    The host finds it, checks it and constructs it as if it were selected alone. Who declares the option starts and
    stops it. `kind` is the entry-point group, for example volsched.schedulers.
    """

    def __init__(self, name: str, *, kind: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.kind = kind
