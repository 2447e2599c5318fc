"""The message bus, which wakes up who waits for work."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "messaging"
HELP = "The message bus. It only wakes up who waits for work; what must not be lost is in the database."


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.StrOpt(
            "transport_url",
            default="",
            secret=True,
            deprecated_opts=[cfg.DeprecatedOpt("transport_url", group="DEFAULT")],
            help="oslo.messaging's URL of the broker, e.g. rabbit://USER:PASSWORD@HOST:5672/. Empty: no broker; the "
            "`volsched` command does the work of scheduler and agent itself, and separate processes find work by "
            "looking into the database. ``file:/PATH``: the file that holds it. TLS is asked for in the query; see "
            "*Security* in the documentation.",
        ),
    ]
