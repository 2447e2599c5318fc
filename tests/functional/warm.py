"""A process that has everything imported, and forks one for each command: `volsched` without the time to start.

Reads lines of JSON from stdin, each a list of commands to run side by side; answers with a line of exit statuses.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from volsched.cli.noise import hush

#: What takes long to import.
IMPORTED = (
    "alembic.command",
    "cliff.lister",
    "oslo_config.cfg",
    "taskflow.engines",
    "volsched.bootstrap",
    "volsched.db.upgrading",
    "volsched.engine.scheduling",
)


def serve() -> None:
    """Answer until stdin ends."""
    hush()
    warnings.filterwarnings("ignore", message="Using fork")  # eventlet, which others import and nobody uses
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        children = [_fork(command) for command in json.loads(line)]
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(statuses), flush=True)


def _fork(command: Mapping[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        for number, name in ((1, command["output"]), (2, command["errors"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        from volsched.cli.main import main

        if "kill_at" in command:
            from tests.functional import deadly

            deadly.arm(command["kill_at"])
        status = main(command["arguments"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
