"""Which installed packages may bring plugins."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "plugins"
HELP = "Which installed packages may bring plugins."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.ListOpt(
            "allowed_packages",
            default=[],
            help="The packages (by the names that pip uses) whose plugins may be selected, beside volsched's own. "
            "Empty: every installed package.",
        ),
    ]
