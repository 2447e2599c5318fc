"""How volumes are placed: the driver, the filters, the weighers, and what bounds them."""

from __future__ import annotations

from oslo_config import cfg

from volsched.conf import processes
from volsched.conf.types import OverSubscription

GROUP = "scheduler"
HELP = "How volumes are placed."


def options() -> list[cfg.Opt]:
    """Fresh options of this group. Cinder's names, in [DEFAULT], are accepted as deprecated ones."""
    return [
        cfg.StrOpt(
            "driver",
            default="filter",
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_driver", group="DEFAULT")],
            help="The scheduler driver: the name of a plugin of volsched.schedulers. `filter` uses the filters and "
            "weighers below; `chance` takes any pool that passes the filters.",
        ),
        cfg.ListOpt(
            "filters",
            default=["availability_zone", "capacity", "capabilities"],
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_default_filters", group="DEFAULT")],
            help="The filters that a pool must pass, in the order in which they are asked: names of plugins of "
            "volsched.filters. Cinder's class names are accepted too.",
        ),
        cfg.ListOpt(
            "weighers",
            default=["capacity"],
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_default_weighers", group="DEFAULT")],
            help="The weighers that order the pools which passed: names of plugins of volsched.weighers. Cinder's "
            "class names are accepted too. Empty: pools keep the order in which they were first reported.",
        ),
        cfg.StrOpt(
            "weight_handler",
            default="ordered",
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_weight_handler", group="DEFAULT")],
            help="How weights become an order: the name of a plugin of volsched.weight_handlers. `ordered` takes the "
            "best pool, `stochastic` a random one, with chances in proportion to the weights. Cinder's class paths "
            "are accepted too.",
        ),
        cfg.ListOpt(
            "profiles",
            default=[],
            help="Other filters and weighers for some volume types, by names of your own. Each NAME has a section "
            "[profile_NAME] with `types` (volume types, by name or id), and `filters`, `weighers` and `weight_handler` "
            "where they differ from those above. A plugin has the same options in every profile, but for those in a "
            "section of its own such as [profile_NAME_weigher_capacity].",
        ),
        cfg.IntOpt(
            "max_attempts",
            default=3,
            min=1,
            max=100,
            deprecated_opts=[
                cfg.DeprecatedOpt("scheduler_max_attempts", group="DEFAULT"),
                cfg.DeprecatedOpt("scheduler_max_attempts", group=GROUP),
            ],
            help="How often a request is scheduled at most, the first time included, when the volume service that got "
            "it hands it back. 1: it is never rescheduled.",
        ),
        cfg.IntOpt(
            "claim_attempts",
            default=10,
            min=1,
            max=1000,
            help="How many pools are tried, best first, in one attempt when other schedulers take the room meanwhile.",
        ),
        cfg.Opt(
            "max_over_subscription_ratio",
            type=OverSubscription(),
            default="20.0",
            deprecated_opts=[cfg.DeprecatedOpt("max_over_subscription_ratio", group="DEFAULT")],
            help="How many times its capacity a thin pool may promise, where its backend reports no ratio of its own. "
            "`auto`: as much as the pool has shown to bear, 1 + provisioned / (used + 1).",
        ),
        cfg.StrOpt(
            "expression_dialect",
            default="strict",
            choices=[
                ("strict", "every operand counts, numbers stay numbers, an unknown name is an error"),
                ("cinder", "what Cinder's evaluator makes of the same text, peculiarities included"),
            ],
            help="How filter_function and goodness_function are read. `volsched config check` names the expressions "
            "that mean different things in the two dialects.",
        ),
        cfg.IntOpt(
            "decision_detail_pools",
            default=100,
            min=0,
            max=100000,
            help="A stored decision among so many pools or fewer lists them all, for `volsched volume explain`. Among "
            "more it keeps the counts, the nearest misses and the first five pools of each part.",
        ),
        cfg.FloatOpt(
            "slow_plugin_seconds",
            default=1.0,
            min=0.01,
            max=3600.0,
            help="Seconds after which a filter, weigher or weight handler that still runs for one request is named in "
            "the log, then and when it has finished. It cannot be interrupted.",
        ),
        cfg.IntOpt(
            "lease_seconds",
            default=30,
            min=2,
            max=3600,
            help="How long a piece of work belongs to the process that took it, unless it says that it is still alive "
            "(it does so three times a lease). After that another process takes the work over.",
        ),
        cfg.FloatOpt(
            "poll_interval",
            default=1.0,
            min=0.05,
            max=60.0,
            help="Seconds between looks into the database for work that nobody was woken up for.",
        ),
        cfg.IntOpt(
            "service_down_time",
            default=60,
            min=1,
            max=86400,
            deprecated_opts=[cfg.DeprecatedOpt("service_down_time", group="DEFAULT")],
            help="Seconds without a report after which a volume service counts as down and gets no new volumes. "
            "At least twice the agents' report_interval.",
        ),
        cfg.BoolOpt(
            "backup_use_same_host",
            default=False,
            deprecated_opts=[cfg.DeprecatedOpt("backup_use_same_host", group="DEFAULT")],
            help="Whether a backup is only ever made by the backup service on the volume's own host.",
        ),
        cfg.FloatOpt(
            "audit_interval",
            default=600.0,
            min=0.0,
            max=86400.0,
            help="Seconds between looks of volsched-scheduler at whether claims, volumes, work and reports fit "
            "together; what does not is logged, and `volsched audit --repair` puts it right. 0: never.",
        ),
        *processes.options("volsched-scheduler"),
    ]
