"""The volume agent: which storage backends it drives, and under which name."""

from __future__ import annotations

import socket

from oslo_config import cfg

from volsched.conf import processes

GROUP = "agent"
HELP = "The volume agent, which drives storage backends."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.ListOpt(
            "backends",
            default=[],
            deprecated_opts=[cfg.DeprecatedOpt("enabled_backends", group="DEFAULT")],
            help="The storage backends of this agent, by names of your own. Each NAME has a section [backend_NAME] "
            "with `driver`, the name of a plugin of volsched.backends, and that plugin's options.",
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
            help="The name that several agents share which reach the same storage: with the same backends in their "
            "configurations, they share the work of cluster@backend, and any of them does what another one left. Each "
            "keeps a `host` of its own. It must stay the same for as long as there are volumes, and be no agent's "
            "`host`.",
        ),
        cfg.StrOpt(
            "availability_zone",
            default="nova",
            deprecated_opts=[cfg.DeprecatedOpt("storage_availability_zone", group="DEFAULT")],
            help="The zone of this agent's backends, where [backend_NAME] availability_zone does not say otherwise.",
        ),
        cfg.FloatOpt(
            "report_interval",
            default=10.0,
            min=0.1,
            max=3600.0,
            deprecated_opts=[cfg.DeprecatedOpt("report_interval", group="DEFAULT")],
            help="Seconds between two reports of what the backends can do and have left.",
        ),
        *processes.options("volsched-agent"),
    ]


def instance_options(instance: str) -> list[cfg.Opt]:
    """What every [backend_NAME] section has beside its driver's own options."""
    return [
        cfg.StrOpt(
            "driver",
            default=instance,
            help="What drives it: the name of a plugin of volsched.backends. Without it, the plugin called like the "
            "instance itself.",
        ),
        cfg.StrOpt(
            "availability_zone",
            default="${agent.availability_zone}",
            deprecated_opts=[cfg.DeprecatedOpt("backend_availability_zone")],
            help="The zone of this backend.",
        ),
    ]
