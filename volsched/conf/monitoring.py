"""What a running service says about itself to probes and to Prometheus."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "monitoring"
HELP = "Health and metrics of the running services, over HTTP: /live, /ready and /metrics."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.BoolOpt(
            "enabled",
            default=False,
            help="Whether volsched-scheduler and volsched-agent answer at `host` and their port. What they say holds "
            "no secrets and nothing of a project's; whoever can reach the port can read it.",
        ),
        cfg.StrOpt(
            "host",
            default="127.0.0.1",
            help="Address to listen at; 0.0.0.0 or ::, every address of this machine.",
        ),
        cfg.IntOpt(
            "scheduler_port",
            default=9465,
            min=0,
            max=65535,
            help="Port of volsched-scheduler. Of several worker processes the first listens there, the second at the "
            "next port, and so on. 0: any that is free; `volsched health` finds it.",
        ),
        cfg.IntOpt(
            "agent_port",
            default=9485,
            min=0,
            max=65535,
            help="The same for volsched-agent.",
        ),
        cfg.FloatOpt(
            "stall_seconds",
            default=120.0,
            min=1.0,
            max=86400.0,
            help="A loop that is at one step for longer hangs: /live says so, with its name.",
        ),
        cfg.FloatOpt(
            "storage_stall_seconds",
            default=7200.0,
            min=1.0,
            max=604800.0,
            help="The same for one piece of work of volsched-agent, for a storage backend may have much to copy. A "
            "probe of /live that restarts the agent interrupts what lasts longer.",
        ),
        cfg.FloatOpt(
            "look_interval",
            default=5.0,
            min=0.1,
            max=300.0,
            help="Seconds between looks at the database and the message bus. /ready and /metrics answer at once with "
            "what the last look found.",
        ),
    ]
