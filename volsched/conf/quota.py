"""How much each project may have."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "quota"
HELP = "How much each project may have. -1: as much as there is."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.IntOpt(
            "volumes",
            default=-1,
            min=-1,
            deprecated_opts=[cfg.DeprecatedOpt("quota_volumes", group="DEFAULT")],
            help="How many volumes.",
        ),
        cfg.IntOpt(
            "gigabytes",
            default=-1,
            min=-1,
            deprecated_opts=[cfg.DeprecatedOpt("quota_gigabytes", group="DEFAULT")],
            help="How many GiB in all volumes together.",
        ),
    ]
