"""The configuration files of a developer's installation: one for all services, and one more for each agent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from volsched.ops.devcluster.plan import Plan

DATABASE = "volsched"
POOLS = "fast:50, large:200"
HEADING = "# Written by `volsched dev up`, and again by the next one.\n"


def write(plan: Plan) -> None:
    """Write the files; they contain passwords, so that only the owner may read them."""
    database, broker = plan.servers
    _put(
        plan.configuration,
        {
            "paths": {"state_path": str(plan.state)},
            "database": {"connection": plan.url(database, DATABASE)},
            "messaging": {"transport_url": plan.url(broker)},
        },
    )
    for number in range(plan.agents):
        host = host_of(number)
        _put(
            agent_file(plan, number),
            {
                "agent": {"host": host, "backends": "disk", "report_interval": "2"},
                "backend_disk": {
                    "driver": "directory",
                    "path": str(plan.folder / "disks" / host),
                    "pools": ", ".join(pool.partition(":")[0] for pool in POOLS.split(", ")),
                    "pool_size_gb": POOLS,
                },
            },
        )


def host_of(number: int) -> str:
    """Return the host name of an agent."""
    return f"dev{number + 1}"


def agent_file(plan: Plan, number: int) -> Path:
    """Return the file that an agent reads after the common one."""
    return plan.folder / f"agent-{number + 1}.conf"


def _put(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    text = HEADING
    for name, options in sections.items():
        lines = (f"{option} = {value.replace('$', '$$')}\n" for option, value in options.items())
        text += f"\n[{name}]\n{''.join(lines)}"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
