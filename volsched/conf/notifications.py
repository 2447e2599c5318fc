"""Where events go."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "notifications"
HELP = "Where events go: what was placed, what failed and why."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.ListOpt(
            "notifiers",
            default=["log"],
            help="The notifiers that are told, by names of your own. Each NAME has a section [notifier_NAME] with "
            "`driver`, the name of a plugin of volsched.notifiers, and that plugin's options. A NAME that is itself "
            "the name of a plugin needs no section.",
        ),
    ]


def instance_options(instance: str) -> list[cfg.Opt]:
    """What every [notifier_NAME] section has beside its driver's own options."""
    return [
        cfg.StrOpt(
            "driver",
            default=instance,
            help="What delivers: the name of a plugin of volsched.notifiers. Without it, the plugin called like the "
            "instance itself.",
        ),
    ]
