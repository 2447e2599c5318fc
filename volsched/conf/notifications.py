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
        cfg.FloatOpt(
            "timeout",
            default=10.0,
            min=0.1,
            max=600.0,
            help="Seconds that a notifier has for one event; after that it counts as failed. No request waits for it.",
        ),
        cfg.IntOpt(
            "tries",
            default=40,
            min=1,
            max=100000,
            help="After so many failures an event is parked for that notifier: `volsched event list --state parked` "
            "shows it, `volsched event retry` hands it over again. With the default pauses, 40 tries last about two "
            "and a half hours.",
        ),
        cfg.FloatOpt(
            "first_pause",
            default=1.0,
            min=0.01,
            max=3600.0,
            help="Seconds after the first failure; doubled after each one after it.",
        ),
        cfg.FloatOpt(
            "longest_pause",
            default=300.0,
            min=0.01,
            max=86400.0,
            help="Seconds that the pause between two tries grows to at most.",
        ),
        cfg.IntOpt(
            "keep_days",
            default=30,
            min=1,
            max=36500,
            help="Days after which events that every notifier got, or that were parked, are removed from the database.",
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
        cfg.ListOpt(
            "event_types",
            default=["*"],
            help="Only events of these types are told; * and ? as in a shell: scheduler.*, volume.create.end. The "
            "documentation lists all types.",
        ),
        cfg.ListOpt(
            "priorities",
            item_type=cfg.types.String(choices=["info", "warn", "error"]),
            default=["info", "warn", "error"],
            help="Only events of these priorities are told.",
        ),
        cfg.ListOpt(
            "processes",
            item_type=cfg.types.String(choices=["scheduler", "agent", "command"]),
            default=["scheduler", "agent", "command"],
            help="The processes that start this notifier and deliver to it: volsched-scheduler, volsched-agent, and "
            "the volsched command. Each event is delivered by one of them.",
        ),
    ]
