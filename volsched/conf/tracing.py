"""Where the spans of a request go."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "tracing"
HELP = "OpenTelemetry: one trace from the request over the scheduler to the agent."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.StrOpt(
            "exporter",
            default="none",
            choices=[
                ("none", "nothing is traced, and nothing of OpenTelemetry is loaded"),
                ("otlp", "spans are sent to a collector: OTLP, protobuf over HTTP"),
            ],
            help="Who gets the spans. Anything but none needs `pip install 'volsched[tracing]'`, in every process "
            "that is to be seen: the `volsched` command, schedulers and agents.",
        ),
        cfg.StrOpt(
            "endpoint",
            default="http://127.0.0.1:4318/v1/traces",
            help="The collector's URL for traces. What it wants to know beyond (OTEL_EXPORTER_OTLP_HEADERS, "
            "OTEL_EXPORTER_OTLP_CERTIFICATE) is in the environment.",
        ),
        cfg.FloatOpt(
            "sample_ratio",
            default=1.0,
            min=0.0,
            max=1.0,
            help="Which part of all requests is traced, 1: each. A request whose sender has decided is left to that.",
        ),
        cfg.FloatOpt(
            "timeout",
            default=2.0,
            min=0.1,
            max=60.0,
            help="Seconds that the collector has for one delivery. It is never waited for while a request is served; "
            "a command waits for it once, at its end.",
        ),
    ]
