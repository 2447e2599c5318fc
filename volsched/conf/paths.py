"""Folders."""

from __future__ import annotations

import os
from pathlib import Path

from oslo_config import cfg

from volsched.conf.types import Folder

GROUP = "paths"
HELP = "Folders."

SYSTEM_STATE = "/var/lib/volsched"


def default_state_path() -> str:
    """The system's folder for root; for anybody else a folder below the own home, as the XDG rules have it."""
    if os.geteuid() == 0:
        return SYSTEM_STATE
    base = os.environ.get("XDG_STATE_HOME", "")
    return str((Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "volsched")


def options() -> list[cfg.Opt]:
    """Fresh options of this group."""
    return [
        cfg.Opt(
            "state_path",
            type=Folder(),
            default=default_state_path().replace("$", "$$"),
            sample_default=SYSTEM_STATE,
            deprecated_opts=[cfg.DeprecatedOpt("state_path", group="DEFAULT")],
            help="The folder for everything that volsched keeps in files, the embedded database first of all. "
            "For users other than root it is ~/.local/state/volsched.",
        ),
    ]
