"""Options of everything around scheduling: database, bus, notifications, files, policy, monitoring, other services."""

from __future__ import annotations

import os
from pathlib import Path

from oslo_config import cfg

from volsched.conf.option_types import Folder

SYSTEM_STATE = "/var/lib/volsched"
POLICY_FILE = "policy.yaml"


def default_state_path() -> str:
    """Return the system's folder for root; for other users, a folder below their home by the XDG rules."""
    if os.geteuid() == 0:
        return SYSTEM_STATE
    base = os.environ.get("XDG_STATE_HOME", "")
    return str((Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "volsched")


def paths_options() -> list[cfg.Opt]:
    """Return new options of [paths]."""
    return [
        cfg.Opt(
            "state_path",
            type=Folder(),
            default=default_state_path().replace("$", "$$"),
            sample_default=SYSTEM_STATE,
            deprecated_opts=[cfg.DeprecatedOpt("state_path", group="DEFAULT")],
            help="The folder for all files that volsched keeps, the embedded database among them. "
            "For users other than root the default is ~/.local/state/volsched.",
        ),
    ]


def database_options() -> list[cfg.Opt]:
    """Return new options of [database]."""
    return [
        cfg.StrOpt(
            "connection",
            sample_default="sqlite:////var/lib/volsched/volsched.db",
            secret=True,
            help="SQLAlchemy's URL of the database: postgresql+psycopg://USER:PASSWORD@HOST/NAME, "
            "mysql+pymysql://USER:PASSWORD@HOST/NAME or sqlite:////PATH. Default: the file volsched.db in [paths] "
            "state_path. Write a $ in a password as $$. ``file:/PATH``: read the URL from this file. The query part of "
            "the URL enables TLS; see *Security* in the documentation.",
        ),
    ]


def messaging_options() -> list[cfg.Opt]:
    """Return new options of [messaging]."""
    return [
        cfg.StrOpt(
            "transport_url",
            default="",
            secret=True,
            deprecated_opts=[cfg.DeprecatedOpt("transport_url", group="DEFAULT")],
            help="oslo.messaging's URL of the broker, e.g. rabbit://USER:PASSWORD@HOST:5672/. Empty: no broker; the "
            "`volsched` command does the work of scheduler and agent itself, and separate processes find work by "
            "searching the database. ``file:/PATH``: read the URL from this file. The query part of the URL enables "
            "TLS; see *Security* in the documentation.",
        ),
    ]


def notifications_options() -> list[cfg.Opt]:
    """Return new options of [notifications]."""
    return [
        cfg.ListOpt(
            "notifiers",
            default=["log"],
            help="Names of the notifiers that events are delivered to. You choose the names. Each NAME has a section "
            "[notifier_NAME] with `driver`, the name of a plugin of volsched.notifiers, and that plugin's options. A "
            "NAME that is itself the name of a plugin needs no section.",
        ),
        cfg.FloatOpt(
            "timeout",
            default=10.0,
            min=0.1,
            max=600.0,
            help="Seconds after which the delivery of one event to a notifier counts as failed. No request waits for "
            "deliveries.",
        ),
        cfg.IntOpt(
            "tries",
            default=40,
            min=1,
            max=100000,
            help="Number of failed deliveries after which an event is parked for that notifier: `volsched event list "
            "--state parked` shows it, `volsched event retry` delivers it again. With the default pauses, 40 tries "
            "last about two and a half hours.",
        ),
        cfg.FloatOpt(
            "first_pause",
            default=1.0,
            min=0.01,
            max=3600.0,
            help="Seconds between the first failed delivery and the next; doubled after each further failure.",
        ),
        cfg.FloatOpt(
            "longest_pause",
            default=300.0,
            min=0.01,
            max=86400.0,
            help="The longest pause between two deliveries of one event, in seconds.",
        ),
        cfg.IntOpt(
            "keep_days",
            default=30,
            min=1,
            max=36500,
            help="Days after which events that every notifier received, or that were parked, are removed from the "
            "database.",
        ),
    ]


def plugins_options() -> list[cfg.Opt]:
    """Return new options of [plugins]."""
    return [
        cfg.ListOpt(
            "allowed_packages",
            default=[],
            help="The packages (by the names that pip uses) whose plugins may be selected, besides volsched's own. "
            "Empty: every installed package.",
        ),
    ]


def policy_options() -> list[cfg.Opt]:
    """Return new options of [policy]."""
    return [
        cfg.StrOpt(
            "file",
            default="",
            deprecated_opts=[cfg.DeprecatedOpt("policy_file", group="oslo_policy")],
            help="The policy file, in the language of oslo.policy. A relative path starts at the folder of the "
            f"configuration file. Empty: ``{POLICY_FILE}`` beside the configuration file if it exists, else the "
            "defaults, which ``volsched policy list`` shows. A changed file is read again.",
        ),
    ]


def compute_options() -> list[cfg.Opt]:
    """Return new options of [compute]."""
    return [
        cfg.StrOpt(
            "auth_url",
            default="",
            help="The identity service whose catalog has the compute service, e.g. https://keystone.example.org/v3. "
            "Empty: there is no compute service, and requests with the hint local_to_instance are refused.",
        ),
        cfg.StrOpt("username", help="An account that the compute service permits to read the hosts of instances."),
        cfg.StrOpt("password", secret=True, help="The account's password."),
        cfg.StrOpt("user_domain_name", default="Default", help="The domain of the account."),
        cfg.StrOpt("project_name", default="service", help="The project that the account acts in."),
        cfg.StrOpt("project_domain_name", default="Default", help="The domain of that project."),
        cfg.StrOpt("region_name", help="The region of the compute service. Default: the only region there is."),
        cfg.StrOpt(
            "interface",
            default="internal",
            choices=("public", "internal", "admin"),
            help="Which of the compute service's endpoints is used.",
        ),
        cfg.StrOpt("endpoint_override", help="The address of the compute service. Default: the catalog's."),
        cfg.StrOpt(
            "cafile", help="A PEM file with the certificate authorities that are trusted. Default: the system's."
        ),
        cfg.FloatOpt("timeout", default=5.0, min=0.1, help="The longest time to wait for an answer, in seconds."),
    ]


def monitoring_options() -> list[cfg.Opt]:
    """Return new options of [monitoring]."""
    return [
        cfg.BoolOpt(
            "enabled",
            default=False,
            help="Whether volsched-scheduler and volsched-agent serve HTTP at `host` and their port. The answers "
            "contain no secrets and no project's data; everybody who reaches the port can read them.",
        ),
        cfg.StrOpt(
            "host",
            default="127.0.0.1",
            help="The address to listen at. 0.0.0.0 or ::: every address of this machine.",
        ),
        cfg.IntOpt(
            "scheduler_port",
            default=9465,
            min=0,
            max=65535,
            help="Port of volsched-scheduler. Of several worker processes the first listens at this port, the second "
            "at the next port, and so on. 0: any free port; `volsched health` finds it.",
        ),
        cfg.IntOpt(
            "agent_port",
            default=9485,
            min=0,
            max=65535,
            help="Port of volsched-agent, in the same way.",
        ),
        cfg.FloatOpt(
            "stall_seconds",
            default=120.0,
            min=1.0,
            max=86400.0,
            help="Seconds after which a loop that is still in one step counts as stalled: /live fails and names it.",
        ),
        cfg.FloatOpt(
            "storage_stall_seconds",
            default=7200.0,
            min=1.0,
            max=604800.0,
            help="The same for one work item of volsched-agent, since a storage backend may copy much data. An "
            "orchestrator that restarts the agent when /live fails interrupts work that lasts longer.",
        ),
        cfg.FloatOpt(
            "look_interval",
            default=5.0,
            min=0.1,
            max=300.0,
            help="Seconds between two checks of the database and the message bus. /ready and /metrics answer at once "
            "with the result of the last check.",
        ),
    ]


def tracing_options() -> list[cfg.Opt]:
    """Return new options of [tracing]."""
    return [
        cfg.StrOpt(
            "exporter",
            default="none",
            choices=[
                ("none", "nothing is traced, and no OpenTelemetry module is loaded"),
                ("otlp", "spans are sent to a collector: OTLP, protobuf over HTTP"),
            ],
            help="Where spans are sent. Any value but none needs `pip install 'volsched[tracing]'` for every process "
            "whose spans are wanted: the `volsched` command, schedulers and agents.",
        ),
        cfg.StrOpt(
            "endpoint",
            default="http://127.0.0.1:4318/v1/traces",
            help="The collector's URL for traces. Further settings come from the environment variables "
            "OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_CERTIFICATE.",
        ),
        cfg.FloatOpt(
            "sample_ratio",
            default=1.0,
            min=0.0,
            max=1.0,
            help="The share of requests that is traced; 1: all. A sampling decision of the caller takes precedence.",
        ),
        cfg.FloatOpt(
            "timeout",
            default=2.0,
            min=0.1,
            max=60.0,
            help="Seconds after which one delivery to the collector fails. No request waits for deliveries; a command "
            "waits for one delivery when it ends.",
        ),
    ]
