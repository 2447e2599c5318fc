"""A process that has everything imported, and forks one for each program that is started.

Listens on the abstract Unix socket that it is told. A connection brings a line of JSON that says what to run, and its
standard streams; it is answered with a line for the number of the process, and one for its exit status. Ends with its
stdin.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 1 << 20
#: What libraries import when it is first needed.
ALSO = (
    "alembic.command",
    "cliff.formatters.json_format",
    "cliff.formatters.table",
    "cliff.formatters.value",
    "cliff.lister",
    "cliff.show",
    "numpy",
    "sqlalchemy.dialects.sqlite",
    "taskflow.engines",
)


def serve(address: str) -> None:
    """Answer until stdin ends."""
    _import()
    gc.collect()
    gc.freeze()  # so that the children do not copy what they only look at
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the minders
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while not any(key.fileobj is sys.stdin for key, _ in selector.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                selector.close()
                _mind(connection)
            connection.close()


def _import() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import volsched
        import volsched_drivers

        for package in (volsched, volsched_drivers):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if "migrations" not in module.name and not module.name.endswith("__main__"):
                    importlib.import_module(module.name)
        for name in ALSO:
            importlib.import_module(name)
    from volsched.library_warnings import hush

    hush()
    warnings.filterwarnings("ignore", message=r"Using fork\(\)")  # eventlet, which others import and nobody uses


def _mind(connection: socket.socket) -> None:
    """Start one program, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams, _, _ = socket.recv_fds(connection, LONGEST, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(LONGEST)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(json.loads(text), streams)
    for stream in streams:
        os.close(stream)
    try:
        connection.sendall(f"{child}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(f"{status}\n".encode())
    except BrokenPipeError:
        pass  # who asked is gone
    os._exit(0)


def _become(asked: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Be that program: `call` is `module:function`, which is given the arguments."""
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        path = asked["environment"].get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [folder for folder in (*asked["path"], *path) if folder]
        tempfile.tempdir = None
        module, _, function = asked["call"].partition(":")
        sys.argv = [function, *asked["arguments"]]
        if asked["kill_at"]:
            _arm(asked["kill_at"])
        status = getattr(importlib.import_module(module), function)(asked["arguments"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:  # noqa: BLE001 - shown and told as the interpreter would
        traceback.print_exc()
        status = 1
    finally:
        for output in (sys.stdout, sys.stderr):
            try:
                output.flush()
            except BrokenPipeError:
                pass  # who read it has gone
        os._exit(status)


def _arm(step: int) -> None:
    from tests.functional import deadly

    deadly.arm(step)


if __name__ == "__main__":
    del sys.path[0]  # this folder, which others know by longer names
    serve(f"\0{sys.argv[1]}")
