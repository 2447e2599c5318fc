"""What [scheduler] and [agent] both have: how many processes, and how long they may take to stop."""

from __future__ import annotations

from oslo_config import cfg


def options(program: str) -> list[cfg.Opt]:
    """Fresh options of the section of this program."""
    return [
        cfg.IntOpt(
            "workers",
            default=1,
            min=1,
            max=256,
            help=f"Processes of {program} on this machine. With one, the program itself works. With more, it starts "
            "that many workers, starts one anew that was killed, and hands SIGTERM and SIGHUP on to them; the first of "
            "them also does what must be done once a machine.",
        ),
        cfg.IntOpt(
            "graceful_shutdown_timeout",
            default=60,
            min=0,
            max=86400,
            deprecated_opts=[cfg.DeprecatedOpt("graceful_shutdown_timeout", group="DEFAULT")],
            help="Seconds that the work in hand has to end in when the program is told to stop. What takes longer is "
            "cut off, and done again by whoever takes it over. 0: as long as it takes.",
        ),
    ]
