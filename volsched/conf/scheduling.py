"""Options of [scheduler], [agent], [quota] and the sections of profiles, notifiers and backends."""

from __future__ import annotations

import socket

from oslo_config import cfg

from volsched.conf.option_types import OverSubscription

PROFILE_PREFIX = "profile_"


def scheduler_options() -> list[cfg.Opt]:
    """Return new options of [scheduler]. Cinder's names, in [DEFAULT], are accepted as deprecated ones."""
    return [
        cfg.StrOpt(
            "driver",
            default="filter",
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_driver", group="DEFAULT")],
            help="The scheduler driver: the name of a plugin of volsched.schedulers. `filter` uses the filters and "
            "weighers below; `chance` takes a random pool that passes the filters.",
        ),
        cfg.ListOpt(
            "filters",
            default=["availability_zone", "capacity", "capabilities"],
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_default_filters", group="DEFAULT")],
            help="The filters that a pool must pass, in the order in which they run: names of plugins of "
            "volsched.filters. Cinder's class names are accepted too.",
        ),
        cfg.ListOpt(
            "weighers",
            default=["capacity"],
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_default_weighers", group="DEFAULT")],
            help="The weighers that order the pools which passed the filters: names of plugins of volsched.weighers. "
            "Cinder's class names are accepted too. Empty: pools keep the order in which they were first reported.",
        ),
        cfg.StrOpt(
            "weight_handler",
            default="ordered",
            deprecated_opts=[cfg.DeprecatedOpt("scheduler_weight_handler", group="DEFAULT")],
            help="The weight handler, which turns weights into an order: the name of a plugin of "
            "volsched.weight_handlers. `ordered` takes the pool with the highest total, `stochastic` a random pool, "
            "with probabilities in proportion to the totals. Cinder's class paths are accepted too.",
        ),
        cfg.ListOpt(
            "profiles",
            default=[],
            help="Names of profiles, which place the volumes of some types with other filters and weighers. You choose "
            "the names. Each NAME has a section [profile_NAME] with `types` (volume types, by name or id), and "
            "`filters`, `weighers` and `weight_handler` where they differ from those above. A plugin has the same "
            "options in every profile, except where a section such as [profile_NAME_weigher_capacity] sets others.",
        ),
        cfg.IntOpt(
            "max_attempts",
            default=3,
            min=1,
            max=100,
            deprecated_opts=[
                cfg.DeprecatedOpt("scheduler_max_attempts", group="DEFAULT"),
                cfg.DeprecatedOpt("scheduler_max_attempts", group="scheduler"),
            ],
            help="How often a request is scheduled at most, the first attempt included, when the volume service that "
            "received it returns it. 1: a request is never rescheduled.",
        ),
        cfg.IntOpt(
            "claim_attempts",
            default=10,
            min=1,
            max=1000,
            help="How many pools one scheduling attempt tries to claim room in, best first, when other schedulers "
            "claim the room at the same time.",
        ),
        cfg.Opt(
            "max_over_subscription_ratio",
            type=OverSubscription(),
            default="20.0",
            deprecated_opts=[cfg.DeprecatedOpt("max_over_subscription_ratio", group="DEFAULT")],
            help="The ratio of provisioned to total capacity that a thin pool may reach, for backends that report no "
            "ratio of their own. `auto`: calculated from each report as 1 + provisioned / (used + 1).",
        ),
        cfg.StrOpt(
            "expression_dialect",
            default="strict",
            choices=[
                ("strict", "every operand counts, numbers stay numbers, an unknown name is an error"),
                ("cinder", "the result of Cinder's evaluator for the same text, peculiarities included"),
            ],
            help="How filter_function and goodness_function are evaluated. `volsched config check` names the "
            "expressions that mean different things in the two dialects.",
        ),
        cfg.IntOpt(
            "decision_detail_pools",
            default=100,
            min=0,
            max=100000,
            help="The largest number of pools for which a stored decision lists every pool, for `volsched volume "
            "explain`. A decision among more pools keeps the counts, the nearest misses and the first five pools of "
            "each part.",
        ),
        cfg.FloatOpt(
            "slow_plugin_seconds",
            default=1.0,
            min=0.01,
            max=3600.0,
            help="Seconds after which a filter, weigher or weight handler that still works on one request is named in "
            "the log, and again when it has finished. It cannot be interrupted.",
        ),
        cfg.IntOpt(
            "lease_seconds",
            default=30,
            min=2,
            max=3600,
            help="Seconds for which a work item belongs to the process that took it. The process renews the lease "
            "three times in this time. After it has expired, another process takes the work over.",
        ),
        cfg.FloatOpt(
            "poll_interval",
            default=1.0,
            min=0.05,
            max=60.0,
            help="Seconds between two searches of the database for work for which no wake-up arrived.",
        ),
        cfg.IntOpt(
            "service_down_time",
            default=60,
            min=1,
            max=86400,
            deprecated_opts=[cfg.DeprecatedOpt("service_down_time", group="DEFAULT")],
            help="Seconds without a report after which a volume service counts as down and gets no new volumes. "
            "Set it to at least twice the agents' report_interval.",
        ),
        cfg.BoolOpt(
            "backup_use_same_host",
            default=False,
            deprecated_opts=[cfg.DeprecatedOpt("backup_use_same_host", group="DEFAULT")],
            help="Whether a backup is only made by the backup service on the volume's own host.",
        ),
        cfg.FloatOpt(
            "audit_interval",
            default=600.0,
            min=0.0,
            max=86400.0,
            help="Seconds between two audits by volsched-scheduler, which compare claims, volumes, work and reports. "
            "An audit logs each inconsistency; `volsched audit --repair` repairs them. 0: no audits.",
        ),
        *_process_options("volsched-scheduler"),
    ]


def agent_options() -> list[cfg.Opt]:
    """Return new options of [agent]."""
    return [
        cfg.ListOpt(
            "backends",
            default=[],
            deprecated_opts=[cfg.DeprecatedOpt("enabled_backends", group="DEFAULT")],
            help="Names of the storage backends of this agent. You choose the names. Each NAME has a section "
            "[backend_NAME] with `driver`, the name of a plugin of volsched.backends, and that plugin's options.",
        ),
        cfg.StrOpt(
            "host",
            default=socket.gethostname(),
            sample_default="<this machine's name>",
            regex=r"^[^@#\s]+$",
            deprecated_opts=[cfg.DeprecatedOpt("host", group="DEFAULT")],
            help="The name of this agent: the part of host@backend#pool before the @. It must stay the same for as "
            "long as there are volumes.",
        ),
        cfg.StrOpt(
            "cluster",
            regex=r"^[^@#\s]+$",
            help="The common name of several agents that reach the same storage. With the same backends in their "
            "configurations, these agents share the work of cluster@backend, and each of them continues the work of an "
            "agent that died. Each agent keeps its own `host`. The name must stay the same for as long as there are "
            "volumes, and must differ from every agent's `host`.",
        ),
        cfg.StrOpt(
            "availability_zone",
            default="nova",
            deprecated_opts=[cfg.DeprecatedOpt("storage_availability_zone", group="DEFAULT")],
            help="The zone of this agent's backends, unless [backend_NAME] availability_zone sets another.",
        ),
        cfg.FloatOpt(
            "report_interval",
            default=10.0,
            min=0.1,
            max=3600.0,
            deprecated_opts=[cfg.DeprecatedOpt("report_interval", group="DEFAULT")],
            help="Seconds between two reports of the backends' capabilities and free capacity.",
        ),
        cfg.FloatOpt(
            "inventory_interval",
            default=300.0,
            min=1.0,
            max=86400.0,
            help="Seconds between two inventories: lists of all volumes that a backend holds, which `volsched audit` "
            "and `volsched doctor` compare with the database.",
        ),
        *_process_options("volsched-agent"),
    ]


def _process_options(program: str) -> list[cfg.Opt]:
    """Return the options that [scheduler] and [agent] have in common."""
    return [
        cfg.IntOpt(
            "workers",
            default=1,
            min=1,
            max=256,
            help=f"Number of worker processes of {program} on this machine. With 1, the program itself does the work. "
            "With more, it starts that many workers, replaces a worker that was killed, and passes SIGTERM and SIGHUP "
            "on to them; the first worker also does what must be done once a machine.",
        ),
        cfg.IntOpt(
            "graceful_shutdown_timeout",
            default=60,
            min=0,
            max=86400,
            deprecated_opts=[cfg.DeprecatedOpt("graceful_shutdown_timeout", group="DEFAULT")],
            help="Seconds for which the program finishes its current work after SIGTERM. Work that takes longer is "
            "interrupted, and done again by the process that takes it over. 0: no limit.",
        ),
    ]


def quota_options() -> list[cfg.Opt]:
    """Return new options of [quota]."""
    return [
        cfg.IntOpt(
            "volumes",
            default=-1,
            min=-1,
            deprecated_opts=[cfg.DeprecatedOpt("quota_volumes", group="DEFAULT")],
            help="Number of volumes.",
        ),
        cfg.IntOpt(
            "gigabytes",
            default=-1,
            min=-1,
            deprecated_opts=[cfg.DeprecatedOpt("quota_gigabytes", group="DEFAULT")],
            help="GiB of all volumes together.",
        ),
    ]


def profile_options() -> list[cfg.Opt]:
    """Return new options of one [profile_NAME] section."""
    return [
        cfg.ListOpt(
            "types",
            required=True,
            help="The volume types, by name or id, whose volumes this profile places.",
        ),
        cfg.ListOpt("filters", help="The filters of this profile, in their order. Default: those of [scheduler]."),
        cfg.ListOpt("weighers", help="The weighers of this profile. Default: those of [scheduler]."),
        cfg.StrOpt("weight_handler", help="The weight handler of this profile. Default: the one of [scheduler]."),
    ]


def backend_options(instance: str) -> list[cfg.Opt]:
    """Return what every [backend_NAME] section has besides its driver's own options."""
    return [
        cfg.StrOpt(
            "driver",
            default=instance,
            help="The backend's driver: the name of a plugin of volsched.backends. Default: the plugin that has the "
            "name of this backend.",
        ),
        cfg.StrOpt(
            "availability_zone",
            default="${agent.availability_zone}",
            deprecated_opts=[cfg.DeprecatedOpt("backend_availability_zone")],
            help="The zone of this backend.",
        ),
    ]


def notifier_options(instance: str) -> list[cfg.Opt]:
    """Return what every [notifier_NAME] section has besides its driver's own options."""
    return [
        cfg.StrOpt(
            "driver",
            default=instance,
            help="The notifier's driver: the name of a plugin of volsched.notifiers. Default: the plugin that has the "
            "name of this notifier.",
        ),
        cfg.ListOpt(
            "event_types",
            default=["*"],
            help="Deliver only events of these types; * and ? as in a shell: scheduler.*, volume.create.end. The "
            "documentation lists all types.",
        ),
        cfg.ListOpt(
            "priorities",
            item_type=cfg.types.String(choices=["info", "warn", "error"]),
            default=["info", "warn", "error"],
            help="Deliver only events of these priorities.",
        ),
        cfg.ListOpt(
            "processes",
            item_type=cfg.types.String(choices=["scheduler", "agent", "command"]),
            default=["scheduler", "agent", "command"],
            help="The processes that start this notifier and deliver to it: volsched-scheduler, volsched-agent, and "
            "the volsched command. Each event is delivered by one of them.",
        ),
    ]
